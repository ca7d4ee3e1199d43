/** What is measured besides echoes: clients, streams, fan-in and idle peers. @module */
import { start } from "./peers.ts";
import { median } from "./report.ts";

/** What came of one of them: rows of a table, and what was reached. */
export interface Section {
  readonly name: string;
  readonly rows: readonly Readonly<Record<string, string | number>>[];
  readonly goals: readonly string[];
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

function verdict(goal: string, value: number, met: boolean): string {
  return `${goal}: ${value.toFixed(2)}, ${met ? "met" : "missed"}`;
}

/** Processor time that a message costs an outbound pool, raw against native. */
export async function clients(effort: Effort): Promise<Section> {
  const rows = [];
  const goals = [];
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
        const goal = size <= 125 ? 8 : 1;
        goals.push(
          verdict(
            `${mode}, ${size} B, ${goal} x less processor time than native`,
            less,
            less >= goal,
          ),
        );
      }
    }
  } finally {
    await stop();
  }
  return { name: "outbound pool, 8 peers, binary", rows, goals };
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
  const times = Number(rows[1]?.seconds) / Number(rows[0]?.seconds);
  return {
    name: "1 GiB as one message",
    rows,
    goals: [verdict("1.2 x ws", times, times >= 1.2)],
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
  const growth = Number(rows[1]?.["us/message"]) /
    Number(rows[0]?.["us/message"]);
  return {
    name: "fan-in into one inbox, 125 B",
    rows,
    goals: [
      verdict(
        "cost of a message, 10,000 against 1,000 connections, less than 1.3 times",
        growth,
        growth < 1.3,
      ),
    ],
  };
}

/** Ten thousand idle peers with pings. */
export async function idle(): Promise<Section> {
  const rows: Record<string, string>[] = [];
  let most = 0;
  for (const peer of ["pool", "native", "ws", "ws in Deno"]) {
    const {
      connectSeconds = 0,
      kibEach = 0,
      kibOneMore = 0,
      kibEachAfterPings = 0,
      serverCpu = 0,
    } = await runDeno("idle.ts", "--seconds", 22, "--peer", peer);
    if (peer === "pool") most = kibEach;
    rows.push({
      peer,
      "seconds to connect": connectSeconds.toFixed(2),
      "KiB each": kibEach.toFixed(1),
      "KiB for one more": kibOneMore.toFixed(1),
      "KiB each after 22 s": kibEachAfterPings.toFixed(1),
      "part of a core": serverCpu.toFixed(3),
    });
  }
  return {
    name: "10,000 idle peers; the pool pings them every 20 s",
    rows,
    goals: [verdict("pool, 10 KiB or less", most, most <= 10)],
  };
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
    goals: [verdict("10 million a second", items / 1e7, items >= 1e7)],
  };
}

/** A section as Markdown. */
export function sectionTable({ name, rows, goals }: Section): string {
  const columns = Object.keys(rows[0] ?? {});
  const line = (cells: readonly (string | number)[]) =>
    `| ${cells.join(" | ")} |`;
  return [
    `### ${name}`,
    "",
    line(columns),
    line(columns.map(() => "---:")),
    ...rows.map((row) => line(columns.map((column) => row[column] ?? ""))),
    "",
    ...goals.map((goal) => `- ${goal}`),
  ].join("\n");
}
