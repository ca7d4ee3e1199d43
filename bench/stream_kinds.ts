// deno-lint-ignore-file no-console -- its tables go to standard output
/**
 * Measures what carries a byte stream on Deno: `Deno.Conn` or `node:net` and `node:tls`. Processor time for each message of an echo of
 * bytes, and memory of an idle connection: `deno run -A bench/stream_kinds.ts [--rounds N] [--seconds N] [--only TEXT]`.
 *
 * Servers and load are processes of their own, and the servers take turns in every round. Figures are medians.
 *
 * @module
 */
import { type Certificate, makeCertificate } from "./certificate.ts";
import { load } from "./generator.ts";
import { open } from "./load.ts";
import { type Running, start } from "./peers.ts";
import { memoryOf } from "./process.ts";

interface Case {
  readonly connections: number;
  readonly size: number;
  readonly window: number;
  readonly tls: boolean;
}

const KIB = 1_024;
const MIB = 1_048_576;
const PLAIN: readonly (readonly [number, number, number])[] = [
  [64, KIB, 1],
  [64, KIB, 64],
  [512, KIB, 1],
  [512, KIB, 8],
  [4_000, KIB, 1],
  [4_000, KIB, 8],
  [64, 64 * KIB, 1],
  [64, 64 * KIB, 8],
  [512, 64 * KIB, 1],
  [512, 64 * KIB, 8],
  [4_000, 64 * KIB, 1],
  [1, MIB, 4],
  [64, MIB, 1],
  [64, MIB, 4],
  [512, MIB, 1],
];
const TLS: readonly (readonly [number, number, number])[] = [
  [64, KIB, 1],
  [64, KIB, 64],
  [512, KIB, 1],
  [512, KIB, 8],
  [4_000, KIB, 1],
  [64, 64 * KIB, 1],
  [64, 64 * KIB, 8],
  [16, MIB, 1],
];
const CASES: readonly Case[] = [
  ...PLAIN.map((of) => toCase(of, false)),
  ...TLS.map((of) => toCase(of, true)),
];
const SOURCES = ["deno", "node"] as const;
const IDLE = 4_000;

const value = (name: string): string | undefined =>
  Deno.args.includes(name) ? Deno.args[Deno.args.indexOf(name) + 1] : undefined;
const rounds = Number(value("--rounds") ?? 5);
const seconds = Number(value("--seconds") ?? 0.5);
const only = value("--only") ?? "";

function toCase(
  [connections, size, window]: readonly [number, number, number],
  tls: boolean,
): Case {
  return { connections, size, window, tls };
}

function nameOf({ connections, size, window, tls }: Case): string {
  const unit = size < MIB ? `${size / KIB} KiB` : `${size / MIB} MiB`;
  return `${
    tls ? "TLS" : "TCP"
  }, ${connections} conn, ${unit}, ${window} in flight`;
}

function startServer(
  source: string,
  certificate: Certificate | undefined,
): Promise<Running> {
  const program = new URL("servers/stream.ts", import.meta.url).pathname;
  const command = [Deno.execPath(), "run", "-A", program, source];
  return start(
    { name: source, kind: "tcp", command },
    certificate === undefined
      ? []
      : ["--cert", certificate.cert, "--key", certificate.key],
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

/** Returns microseconds of processor time for each message, and messages a second, of each source. */
async function measure(
  { connections, size, window, tls }: Case,
  certificate: Certificate,
): Promise<readonly (readonly [number, number])[]> {
  const servers = await Promise.all(
    SOURCES.map((source) => startServer(source, tls ? certificate : undefined)),
  );
  const costs: number[][] = SOURCES.map(() => []);
  const rates: number[][] = SOURCES.map(() => []);
  try {
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < SOURCES.length; turn++) {
        const at = (round + turn) % SOURCES.length;
        const server = servers[at];
        if (server === undefined) continue;
        const { messages, seconds: took, serverCpu } = await load({
          hostname: "127.0.0.1",
          ...{ port: server.port, pid: server.pid },
          kind: "tcp",
          type: "binary",
          ...{ connections, size, window, seconds },
          warmup: round === 0 ? 1 : 0.2,
          ...(tls && { caCert: certificate.ca }),
        });
        costs[at]?.push(serverCpu * took / messages * 1e6);
        rates[at]?.push(messages / took);
      }
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
  return SOURCES.map((
    _,
    at,
  ) => [median(costs[at] ?? []), median(rates[at] ?? [])]);
}

/** Returns KiB of memory for each idle connection of each source. */
async function measureIdle(
  certificate: Certificate | undefined,
): Promise<readonly number[]> {
  const figures: number[] = [];
  for (const source of SOURCES) {
    const server = await startServer(source, certificate);
    const openMany = (count: number) =>
      Promise.all(Array.from({ length: count }, () =>
        open({
          hostname: "127.0.0.1",
          port: server.port,
          kind: "tcp",
          ...(certificate && { caCert: certificate.ca }),
        })));
    const conns: Deno.Conn[] = [];
    const echo = async (conn: Deno.Conn) => {
      await conn.write(new Uint8Array(100));
      await conn.read(new Uint8Array(100));
    };
    for (let i = 0; i < 500; i += 100) conns.push(...await openMany(100));
    await Promise.all(conns.map(echo));
    const before = memoryOf(server.pid);
    for (let i = 0; i < IDLE; i += 100) {
      const more = await openMany(100);
      await Promise.all(more.map(echo));
      conns.push(...more);
    }
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    figures.push((memoryOf(server.pid) - before) / IDLE);
    for (const conn of conns) conn.close();
    await server.stop();
  }
  return figures;
}

const folder = await Deno.makeTempDir();
try {
  const certificate = await makeCertificate(folder);
  console.log(
    "| echo of bytes | Deno.Conn: us/message | node: us/message | node / Deno.Conn | messages/s: Deno.Conn | node |",
  );
  console.log("| --- | ---: | ---: | ---: | ---: | ---: |");
  for (const of of CASES.filter((of) => nameOf(of).includes(only))) {
    const [deno = [NaN, NaN], node = [NaN, NaN]] = await measure(
      of,
      certificate,
    );
    const cells = [
      deno[0].toFixed(1),
      node[0].toFixed(1),
      (node[0] / deno[0]).toFixed(2),
      deno[1].toFixed(0),
      node[1].toFixed(0),
    ];
    console.log(`| ${nameOf(of)} | ${cells.join(" | ")} |`);
  }
  for (const tls of [false, true]) {
    const name = `KiB of an idle connection, ${tls ? "TLS" : "TCP"}`;
    if (!name.includes(only)) continue;
    const [deno = NaN, node = NaN] = await measureIdle(
      tls ? certificate : undefined,
    );
    console.log(
      `| ${name} | ${deno.toFixed(1)} | ${node.toFixed(1)} | ${
        (node / deno).toFixed(2)
      } | | |`,
    );
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
