/** What is measured. @module */

/** An echo: so many connections, each with so many messages in flight. */
export interface Workload {
  readonly name: string;
  readonly type: "binary" | "text" | "json";
  readonly connections: number;
  readonly size: number;
  readonly window: number;
  readonly tls: boolean;
  /** With permessage-deflate, level 1 and context takeover. */
  readonly deflate: boolean;
  /** Whether it belongs to the short run too. */
  readonly short: boolean;
  /** How the table of docs/PERFORMANCE.md calls it; those without a title are not in it. */
  readonly title?: string | undefined;
}

function sizeName(size: number): string {
  if (size < 1_024) return `${size} B`;
  return size < 1_048_576 ? `${size / 1_024} KiB` : `${size / 1_048_576} MiB`;
}

function echo(
  type: Workload["type"],
  connections: number,
  size: number,
  window: number,
  options: {
    readonly tls?: boolean;
    readonly deflate?: boolean;
    readonly short?: boolean;
    readonly title?: string;
  } = {},
): Workload {
  const { tls = false, deflate = false, short = false, title } = options;
  return {
    name: `${tls ? "TLS, " : ""}${
      deflate ? "deflate, " : ""
    }${type}, ${connections} conn, ${sizeName(size)}, ${window} in flight`,
    type,
    connections,
    size,
    window,
    tls,
    deflate,
    short,
    title,
  };
}

const SHORT = { short: true };

/** All of them, from the smallest messages to the largest, then those with one message in flight. */
export const WORKLOADS: readonly Workload[] = [
  echo("binary", 64, 16, 64),
  echo("binary", 64, 125, 64, {
    ...SHORT,
    title: "64 connections, 125 B, 64 in flight",
  }),
  echo("text", 64, 125, 64, { ...SHORT, title: "the same as text" }),
  echo("json", 64, 125, 64),
  echo("binary", 64, 1_024, 64, {
    ...SHORT,
    title: "64 connections, 1 KiB, 64 in flight",
  }),
  echo("json", 64, 1_024, 64, { title: "the same as text that is not ASCII" }),
  echo("binary", 64, 16_384, 16, {
    ...SHORT,
    title: "64 connections, 16 KiB, 16 in flight",
  }),
  echo("binary", 1, 1_048_576, 1),
  echo("binary", 1, 1_048_576, 4, {
    ...SHORT,
    title: "1 connection, 1 MiB, 4 in flight",
  }),
  echo("binary", 1, 125, 1),
  echo("binary", 1, 125, 64),
  echo("binary", 64, 16, 1),
  echo("binary", 64, 125, 1, {
    ...SHORT,
    title: "64 connections, 125 B, 1 in flight",
  }),
  echo("binary", 64, 1_024, 1),
  echo("binary", 512, 125, 1, {
    ...SHORT,
    title: "512 connections, 125 B, 1 in flight",
  }),
  echo("binary", 512, 125, 8),
  echo("binary", 4_000, 125, 1, {
    ...SHORT,
    title: "4,000 connections, 125 B, 1 in flight",
  }),
  echo("binary", 4_000, 125, 8, {
    title: "4,000 connections, 125 B, 8 in flight",
  }),
  echo("binary", 64, 125, 8),
  echo("binary", 64, 125, 64, { tls: true, short: true }),
  echo("binary", 64, 16_384, 16, {
    tls: true,
    title: "TLS, 64 connections, 16 KiB, 16 in flight",
  }),
  echo("json", 16, 1_024, 16, {
    deflate: true,
    short: true,
    title: "compressed, 16 connections, 1 KiB, 16 in flight",
  }),
];
