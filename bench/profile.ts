// deno-lint-ignore-file no-console -- its table goes to standard output
/**
 * What the time of an echo goes to, in microseconds a message, by Linux's `perf`: `deno run -A
 * bench/profile.ts [--only PART] [--top N] [NAME ...]`.
 *
 * A NAME is that of a server in `servers/`, with its arguments. PART is a part of the name of a workload. With `--top`,
 * the N functions that take the most time are listed too.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { makeCertificate } from "./certificate.ts";
import { load } from "./generator.ts";
import { start } from "./peers.ts";
import { WORKLOADS } from "./workloads.ts";

const SECONDS = 4;
const WARMUP = 2.5;
const SERVERS = new URL("servers/", import.meta.url).pathname;
/** Workloads whose time is looked at. */
const LOOKED_AT = [
  "binary, 64 conn, 16 B, 64 in flight",
  "binary, 64 conn, 125 B, 64 in flight",
  "text, 64 conn, 125 B, 64 in flight",
  "json, 64 conn, 125 B, 64 in flight",
  "binary, 64 conn, 1 KiB, 64 in flight",
  "binary, 64 conn, 16 KiB, 16 in flight",
  "binary, 1 conn, 1 MiB, 1 in flight",
  "binary, 64 conn, 125 B, 1 in flight",
  "TLS, binary, 64 conn, 16 KiB, 16 in flight",
];
const { values: { only, top }, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: { only: { type: "string" }, top: { type: "string" } },
});
const TOP = Number(top ?? 0);
const NAMES = positionals.length > 0 ? positionals : ["pool.ts", "tcp_node.ts"];

/** What a piece of code belongs to, the first that fits. */
const PARTS: readonly (readonly [string, RegExp])[] = [
  ["kernel", /^kernel$/],
  ["copying and clearing memory", /__mem(move|cpy|set)/],
  ["allocating memory", /malloc|free|unlink_chunk|calloc|sysmalloc/],
  ["protocol", /\/transport\/protocol\//],
  ["socket to inbox, and `send`", /\/(transport|inbound|outbound)\//],
  ["the server's own loop", /\/bench\/servers\//],
  ["the engine's own functions", /^Builtin:/],
  ["runtime, garbage collection", /./],
];

interface Code {
  readonly start: number;
  readonly end: number;
  readonly name: string;
}

/** What the engine says that it has put where. */
async function compiled(pid: number): Promise<Code[]> {
  const text = await Deno.readTextFile(`/tmp/perf-${pid}.map`);
  return text.split("\n").map((line) => {
    const [start = "", size = "", ...name] = line.split(" ");
    const from = parseInt(start, 16);
    return {
      start: from,
      end: from + parseInt(size, 16),
      name: name.join(" "),
    };
  }).sort((a, b) => a.start - b.start);
}

function find(codes: readonly Code[], address: number): string | undefined {
  let low = 0;
  let high = codes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((codes[middle]?.start ?? Infinity) <= address) low = middle + 1;
    else high = middle;
  }
  const code = codes[low - 1];
  return code !== undefined && address < code.end ? code.name : undefined;
}

async function perf(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("perf", { args })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Shares of the time, by name. */
type Shares = Map<string, number>;

/** How much of the time went to which part, and to which function. */
async function shares(
  data: string,
  pid: number,
): Promise<{ readonly parts: Shares; readonly functions: Shares }> {
  const codes = await compiled(pid);
  const parts: Shares = new Map();
  const functions: Shares = new Map();
  const lines = (await perf("script", "-i", data, "-F", "ip,sym,dso", "-G"))
    .split("\n").flatMap((line) => {
      const found = /^\s*([0-9a-f]+) (.*) \((.*)\)$/.exec(line);
      return found === null ? [] : [found];
    });
  const count = (counts: Shares, name: string) =>
    counts.set(name, (counts.get(name) ?? 0) + 1 / lines.length);
  for (const [, ip = "", symbol = "", place = ""] of lines) {
    const kernel = place.includes("kernel");
    const name = kernel ? "kernel" : find(codes, parseInt(ip, 16)) ?? symbol;
    count(parts, PARTS.find(([, fits]) => fits.test(name))?.[0] ?? "");
    count(functions, kernel ? `kernel: ${symbol}` : name);
  }
  return { parts, functions };
}

async function profile(
  server: string,
  { type, connections, size, window, tls }: typeof WORKLOADS[number],
  folder: string,
): Promise<
  {
    readonly micros: number;
    readonly parts: Shares;
    readonly functions: Shares;
  }
> {
  const [file = "", ...more] = server.split(" ");
  const kind = file.startsWith("tcp") ? "tcp" : "websocket";
  const certificate = tls ? await makeCertificate(folder) : undefined;
  const { port, pid, stop } = await start({
    name: server,
    kind,
    command: [
      Deno.execPath(),
      "run",
      "-A",
      "--v8-flags=--perf-basic-prof",
      SERVERS + file,
      ...more,
    ],
  }, certificate ? ["--cert", certificate.cert, "--key", certificate.key] : []);
  const data = `${folder}/perf.data`;
  try {
    const loading = load({
      hostname: "127.0.0.1",
      port,
      pid,
      kind,
      type,
      connections,
      size,
      window,
      seconds: SECONDS,
      warmup: WARMUP,
      ...(certificate && { caCert: certificate.ca }),
    });
    await new Promise((resolve) => setTimeout(resolve, WARMUP * 1_000 + 500));
    // A clock, since many virtual machines have no counters.
    const how = ["-F", "997", "-e", "cpu-clock", "-p", String(pid), "-o", data];
    await perf("record", ...how, "--", "sleep", String(SECONDS - 1));
    const { serverCpu, seconds, messages } = await loading;
    return {
      micros: serverCpu * seconds * 1e6 / messages,
      ...await shares(data, pid),
    };
  } finally {
    await stop();
    await Deno.remove(`/tmp/perf-${pid}.map`).catch(() => {});
  }
}

const folder = await Deno.makeTempDir();
try {
  for (const workload of WORKLOADS) {
    const looked = only === undefined
      ? LOOKED_AT.includes(workload.name)
      : workload.name.includes(only);
    if (!looked) continue;
    const columns = [];
    for (const server of NAMES) {
      columns.push(await profile(server, workload, folder));
    }
    console.log(`### ${workload.name}\n`);
    console.log(`| us/message | ${NAMES.join(" | ")} |`);
    console.log(`| --- | ${NAMES.map(() => "---:").join(" | ")} |`);
    for (const [part] of PARTS) {
      const cells = columns.map(({ micros, parts }) =>
        (micros * (parts.get(part) ?? 0)).toFixed(3)
      );
      console.log(`| ${part} | ${cells.join(" | ")} |`);
    }
    const all = columns.map(({ micros }) => micros.toFixed(3));
    console.log(`| all | ${all.join(" | ")} |\n`);
    for (const [index, { micros, functions }] of columns.entries()) {
      const list = [...functions].sort((a, b) => b[1] - a[1]).slice(0, TOP);
      if (list.length === 0) continue;
      console.log(`${NAMES[index]}, us/message:\n`);
      for (const [name, share] of list) {
        console.log(`- ${(micros * share).toFixed(3)} ${name}`);
      }
      console.log();
    }
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
