/** What is measured besides echoes: clients, streams, fan-in and idle peers. @module */
import { start } from "./peers.ts";
import { median } from "./report.ts";

/** What came of one of them: the rows of a table. */
export interface Section {
  readonly name: string;
  readonly rows: readonly Readonly<Record<string, string | number>>[];
}

/** How long and how often to measure. */
export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
}

const HERE = new URL(".", import.meta.url).pathname;
const LIMIT_MS = 90_000;

/** Runs a program to its end and reads the JSON that it prints. */
async function run(
  command: string,
  args: readonly (string | number)[],
): Promise<Record<string, number>> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: args.map(String),
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(LIMIT_MS),
  }).output();
  const text = new TextDecoder().decode(success ? stdout : stderr);
  if (!success) throw new Error(text.split("\n")[0] || "It took too long");
  return JSON.parse(text);
}

function runDeno(
  file: string,
  ...args: (string | number)[]
): Promise<Record<string, number>> {
  return run(Deno.execPath(), ["run", "-A", HERE + file, ...args]);
}

function server(file: string) {
  return start({
    name: file,
    kind: "websocket",
    command: [Deno.execPath(), "run", "-A", `${HERE}servers/${file}`],
  }, []);
}

/** Processor time that a message costs an outbound pool, raw against native. */
export async function clients(effort: Effort): Promise<Section> {
  const rows = [];
  const { port, stop } = await server("bytes.ts");
  const sizes = [16, 125, 1_024, 16_384, 1_048_576];
  try {
    for (const mode of ["sink", "flood"]) {
      for (const size of sizes) {
        const micros: Record<string, number[]> = { raw: [], native: [] };
        const rates: Record<string, number[]> = { raw: [], native: [] };
        for (let round = 0; round < effort.rounds; round++) {
          for (const kind of ["raw", "native"]) {
            const { messages = 0, seconds = 0, cpu = 0 } = await runDeno(
              "clients/pool.ts",
              ...[port, kind, mode, size, 8, effort.seconds],
            );
            micros[kind]?.push(cpu * 1e6 / messages);
            rates[kind]?.push(messages / seconds);
          }
        }
        const of = (all: Record<string, number[]>, kind: string) =>
          median(all[kind] ?? []);
        const less = of(micros, "native") / of(micros, "raw");
        rows.push({
          mode,
          bytes: size,
          "raw messages/s": of(rates, "raw").toFixed(0),
          "native messages/s": of(rates, "native").toFixed(0),
          "raw us/message": of(micros, "raw").toFixed(2),
          "native us/message": of(micros, "native").toFixed(2),
          "times less": less.toFixed(2),
        });
      }
    }
  } finally {
    await stop();
  }
  return { name: "outbound pool, 8 peers, binary", rows };
}

/** A gibibyte as one message, against the stream of npm ws. */
export async function streams(effort: Effort): Promise<Section> {
  const ours: Record<string, number>[] = [];
  const theirs: Record<string, number>[] = [];
  const cache = `${HERE}.peers/ws_stream.mjs`;
  // Node looks for packages beside the program.
  await Deno.copyFile(`${HERE}clients/ws_stream.mjs`, cache);
  const { port, stop } = await server("bytes.ts");
  try {
    for (let round = 0; round < effort.rounds; round++) {
      ours.push(await runDeno("clients/stream.ts", port, 1_024));
      theirs.push(await run("node", [cache, port, 1_024]));
    }
  } finally {
    await stop();
  }
  const row = (peer: string, all: Record<string, number>[]) => ({
    peer,
    "seconds": median(all.map(({ seconds = 0 }) => seconds)).toFixed(2),
    "memory grown by, MiB":
      (median(all.map(({ grown = 0 }) => grown)) / 2 ** 20)
        .toFixed(1),
  });
  const rows = [row("sendStream", ours), row("ws", theirs)];
  return {
    name: "1 GiB as one message",
    rows,
  };
}

/** What a message costs the server as connections grow in number, at one total rate. */
export async function fanIn(effort: Effort): Promise<Section> {
  const counts = [1_000, 10_000];
  const rate = 20_000;
  const micros = new Map<number, number[]>(counts.map((n) => [n, []]));
  const connect = new Map<number, number[]>(counts.map((n) => [n, []]));
  for (let round = 0; round < effort.rounds; round++) {
    for (const count of counts) {
      const { port, pid, stop } = await server("sink.ts");
      try {
        const { messages = 0, serverCpu = 0, connectSeconds = 0 } =
          await runDeno("clients/fan_in.ts", port, pid, count, rate, 3);
        micros.get(count)?.push(serverCpu * 1e6 / messages);
        connect.get(count)?.push(connectSeconds);
      } finally {
        await stop();
      }
    }
  }
  const rows = counts.map((count) => ({
    connections: count,
    "messages/s": rate,
    "us/message": median(micros.get(count) ?? []).toFixed(2),
    "seconds to connect": median(connect.get(count) ?? []).toFixed(2),
  }));
  return {
    name: "fan-in into one inbox, 125 B",
    rows,
  };
}

/** Ten thousand idle peers; `seconds` long enough shows what their pings cost. */
export async function idle(
  _effort?: Effort,
  seconds = 22,
): Promise<Section> {
  const rows: Record<string, string>[] = [];
  for (
    const peer of [
      "pool",
      "pool, upgradeNode",
      "pool over native",
      "native",
      "ws",
      "ws in Deno",
    ]
  ) {
    const {
      connectSeconds = 0,
      kibEach = 0,
      kibOneMore = 0,
      kibEachAfterPings = 0,
      serverCpu = 0,
    } = await runDeno("idle.ts", "--seconds", seconds, "--peer", peer);
    rows.push({
      peer,
      "seconds to connect": connectSeconds.toFixed(2),
      "KiB each": kibEach.toFixed(1),
      "KiB for one more": kibOneMore.toFixed(1),
      [`KiB each after ${seconds} s`]: kibEachAfterPings.toFixed(1),
      "part of a core": serverCpu.toFixed(3),
    });
  }
  return {
    name: "10,000 idle peers; the pool pings them every 20 s",
    rows,
  };
}

/** A thousand idle connections that a client has made, with pings. */
export async function idleOutbound(): Promise<Section> {
  const rows: Record<string, string>[] = [];
  for (const kind of ["pool", "native"]) {
    const { port, stop } = await server("sink.ts");
    try {
      const { kibEach = 0, kibOneMore = 0 } = await runDeno(
        "clients/idle.ts",
        port,
        kind,
        4_000,
      );
      rows.push({
        client: kind,
        "KiB each": kibEach.toFixed(1),
        "KiB for one more": kibOneMore.toFixed(1),
      });
    } finally {
      await stop();
    }
  }
  return { name: "4,000 idle connections of a client", rows };
}

/** What it costs to take a pool's statistics. */
export async function stats(): Promise<Section> {
  const rows: Record<string, string | number>[] = [];
  for (const peers of [1, 10_000]) {
    const { nanoseconds = 0 } = await runDeno("stats.ts", peers);
    rows.push({ peers, "ns for pool.stats()": nanoseconds.toFixed(0) });
  }
  return { name: "statistics of a pool", rows };
}

/** The shared inbox without connections. */
export async function inbox(): Promise<Section> {
  const { items = 0, batches = 0 } = await runDeno("inbox.ts");
  return {
    name: "the shared inbox alone",
    rows: [
      { read: "by the item", "messages/s": items.toFixed(0) },
      { read: "in batches", "messages/s": batches.toFixed(0) },
    ],
  };
}

/** A section as Markdown. */
export function sectionTable({ name, rows }: Section): string {
  const columns = Object.keys(rows[0] ?? {});
  const line = (cells: readonly (string | number)[]) =>
    `| ${cells.join(" | ")} |`;
  return [
    `### ${name}`,
    "",
    line(columns),
    line(columns.map(() => "---:")),
    ...rows.map((row) => line(columns.map((column) => row[column] ?? ""))),
  ].join("\n");
}
