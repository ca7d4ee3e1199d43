/** What is measured, and what should come of it. @module */

/** A figure to reach, as a multiple of another peer's. */
export interface Goal {
  readonly of: string;
  readonly against: string;
  readonly ratio: number;
}

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
  readonly goals: readonly Goal[];
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
  goals: string,
  options: {
    readonly tls?: boolean;
    readonly deflate?: boolean;
    readonly short?: boolean;
  } = {},
): Workload {
  const { tls = false, deflate = false, short = false } = options;
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
    goals: goals.split(";").filter(Boolean).map((goal) => {
      const [of = "", against = "", ratio] = goal.split("/");
      return { of, against, ratio: Number(ratio) };
    }),
  };
}

const SHORT = { short: true };
const SMALL = "pool/native/20;pool/ws/20;pool/Bun/1;pool/connection/0.85";
const TEXT = "pool/native/12;pool/ws/12";
const ONE = "pool/native/1;pool/ws/1.2;pool/TCP/0.9";
const LARGE = "pool/native/1.5;pool/ws/1.1";
const TLS = "pool/native/1;pool/ws/1";

/** All of them; goals read OF/AGAINST/RATIO. */
export const WORKLOADS: readonly Workload[] = [
  echo("binary", 64, 16, 64, SMALL),
  echo("binary", 64, 125, 64, SMALL, SHORT),
  echo("text", 64, 125, 64, TEXT, SHORT),
  echo("json", 64, 125, 64, TEXT),
  echo("binary", 64, 1_024, 64, "pool/native/8;pool/ws/8", SHORT),
  echo("json", 64, 1_024, 64, ""),
  echo(
    "binary",
    64,
    16_384,
    16,
    "pool/native/1.2",
    SHORT,
  ),
  echo("binary", 1, 1_048_576, 1, LARGE),
  echo("binary", 1, 1_048_576, 4, LARGE, SHORT),
  echo("binary", 64, 16, 1, ONE),
  echo("binary", 64, 125, 1, ONE, SHORT),
  echo("binary", 64, 1_024, 1, ONE),
  echo("binary", 1, 125, 1, ""),
  echo("binary", 1, 125, 64, ""),
  echo("binary", 1, 16_384, 64, ""),
  echo("binary", 64, 125, 64, TLS, { tls: true, short: true }),
  echo("binary", 64, 16_384, 16, TLS, { tls: true }),
  echo("json", 16, 1_024, 16, "pool/ws/1", { deflate: true, short: true }),
];
