// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Publishes the package to a local server that speaks JSR's protocol. Then a project in an empty folder imports each
 * entry point, is type-checked and runs.
 *
 * `deno task suite registry`
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };

const [, scope = "", name = ""] = /^@(.+)\/(.+)$/.exec(config.name) ?? [];
const { version } = config;
const BLOCK = 512;
const files = new Map<string, Uint8Array<ArrayBuffer>>();
let published = false;

const CONSUMER = `
import { Connection, InboundPool, listen, OutboundPool } from "jsr:${config.name}@${version}";
import { normalizeUrl } from "jsr:${config.name}@${version}/transport";
import { InboundPool as Inbound } from "jsr:${config.name}@${version}/inbound";
import { OutboundPool as Outbound } from "jsr:${config.name}@${version}/outbound";
import { FakeClock } from "jsr:${config.name}@${version}/testing";

if (Inbound !== InboundPool || Outbound !== OutboundPool) throw new Error("two modules");
const clock: FakeClock = new FakeClock();
const now: number = clock.now();
await using listener = listen({ hostname: "127.0.0.1" });
await using pool: InboundPool = new InboundPool("consumer");
(async () => {
  for await (const incoming of listener) pool.add("peer", incoming.accept());
})();
(async () => {
  for await (const { id, data } of pool.inbox) pool.trySend(id, data);
})();
const { addr } = listener;
if (addr.transport !== "tcp") throw new Error("no port");
const url: string = normalizeUrl("ws://127.0.0.1:" + addr.port);
await using connection = new Connection(url);
await connection.connect();
await connection.send("hello at " + now);
console.log(await connection.incoming.take());
`;

/** All that may be in the package. */
const WANTED =
  /^\/(LICENSE|[A-Z]+\.md|deno\.json|mod\.ts|docs\/(.+\.md|performance\.svg)|(transport|inbound|outbound|testing|websocket)\/.+\.ts)$/;

const server = Deno.serve(
  { port: 0, hostname: "127.0.0.1", onListen() {} },
  handle,
);
const folder = await Deno.makeTempDir();
const env = {
  JSR_URL: `http://127.0.0.1:${server.addr.port}/`,
  DENO_DIR: `${folder}/cache`,
  NO_COLOR: "1",
};
const broken: string[] = [];
try {
  const root = new URL("../../", import.meta.url).pathname;
  await deno(root, [
    "publish",
    "--token=none",
    "--allow-dirty",
    "--no-provenance",
  ]);
  if (!published) broken.push("nothing was published");
  for (const path of files.keys()) {
    if (!WANTED.test(path) || /_test\.ts$|\/_support\//.test(path)) {
      broken.push(`${path} must not be in the package`);
    }
  }
  await Deno.writeTextFile(`${folder}/main.ts`, CONSUMER);
  await Deno.writeTextFile(`${folder}/deno.json`, "{}");
  await deno(folder, ["check", "main.ts"]);
  const said = await deno(folder, ["run", "--allow-net", "main.ts"]);
  if (!said.includes("hello at ")) broken.push(`the consumer said ${said}`);
} catch (error) {
  broken.push(String(error));
} finally {
  await Deno.remove(folder, { recursive: true });
  await server.shutdown();
}
for (const line of broken) console.log(`BROKEN ${line}`);
console.log(`${files.size} files were published`);
console.log(`${broken.length === 0 ? 1 : 0} passed, ${broken.length} failed`);
if (broken.length > 0) Deno.exitCode = 1;

async function deno(cwd: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env,
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(`deno ${args.join(" ")}: ${decoder.decode(stderr)}`);
  }
  return decoder.decode(stdout);
}

/** What JSR answers: its management API, and the files of a package. */
async function handle(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const api = `/api/scopes/${scope}/packages/${name}`;
  const at = `/@${scope}/${name}`;
  if (request.method === "POST" && pathname.startsWith(`${api}/versions/`)) {
    await unpack(request);
    published = true;
    return Response.json({ id: "task", status: "success", error: null });
  }
  if (pathname.startsWith("/api/publish_status/")) {
    return Response.json({ id: "task", status: "success", error: null });
  }
  if (pathname === api) return Response.json({ scope, name });
  if (pathname === `${at}/meta.json`) {
    const versions = { [version]: {} };
    return Response.json({ scope, name, latest: version, versions });
  }
  if (pathname === `${at}/${version}_meta.json`) {
    const { exports } = config;
    return Response.json({ manifest: await manifest(), exports });
  }
  const file = files.get(pathname.slice(`${at}/${version}`.length));
  return file === undefined
    ? Response.json({ code: "notFound", message: pathname }, { status: 404 })
    : new Response(file);
}

async function manifest(): Promise<Record<string, unknown>> {
  const entries = [...files].map(async ([path, bytes]) => {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return [path, { size: bytes.length, checksum: `sha256-${toHex(digest)}` }];
  });
  return Object.fromEntries(await Promise.all(entries));
}

function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Takes the files out of a gzipped tar archive. */
async function unpack(request: Request): Promise<void> {
  const plain = request.body?.pipeThrough(new DecompressionStream("gzip"));
  const archive = new Uint8Array(
    await new Response(plain ?? null).arrayBuffer(),
  );
  const text = (from: number, length: number) => {
    const field = new TextDecoder().decode(
      archive.subarray(from, from + length),
    );
    return field.replace(/\0.*$/s, "");
  };
  for (let at = 0; at + BLOCK <= archive.length;) {
    const path = text(at, 100);
    if (path === "") return;
    const size = parseInt(text(at + 124, 12), 8);
    const prefix = text(at + 345, 155);
    const full = prefix === "" ? path : `${prefix}/${path}`;
    const start = at + BLOCK;
    if (text(at + 156, 1) !== "5") {
      files.set(
        `/${full.replace(/^\.?\//, "")}`,
        archive.slice(start, start + size),
      );
    }
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
}
