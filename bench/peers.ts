/** The servers that are measured, each set up as its users would. @module */

/** A server to start, or why it cannot be. */
export interface Peer {
  readonly name: string;
  readonly kind: "websocket" | "tcp";
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The server that echoes bytes over the same kind of stream, the best that this one can reach. @default none is measured */
  readonly bare?: string;
  /** Why it cannot be had on this machine. */
  readonly skipped?: string;
}

/** A server that runs. */
export interface Running {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

const SERVERS = new URL("servers/", import.meta.url).pathname;
const CACHE = new URL(".peers/", import.meta.url).pathname;
const START_MS = 10_000;
/** Plain bytes over `Deno.Conn`. */
const TCP = "TCP";
/** Plain bytes over `node:net`, which `listen` and `upgradeNode` use. */
const NODE_TCP = "TCP, node:net";

/** What runs `args` by the Deno that runs this. */
function deno(file: string, ...args: string[]): string[] {
  return [Deno.execPath(), "run", "-A", SERVERS + file, ...args];
}

/** Why a command fails, or nothing where it succeeds. */
async function failure(
  command: string,
  args: readonly string[],
  cwd?: string,
): Promise<string | undefined> {
  try {
    const { success, stderr } = await new Deno.Command(command, {
      args: [...args],
      stdout: "null",
      stderr: "piped",
      ...(cwd !== undefined && { cwd }),
    }).output();
    if (success) return undefined;
    const lines = new TextDecoder().decode(stderr).trim().split("\n");
    return lines[0] || `${command} failed`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Installs what comes from npm, once, and lists all peers. */
export async function findPeers(): Promise<readonly Peer[]> {
  await Deno.mkdir(CACHE, { recursive: true });
  const install = async (...names: string[]) => {
    if (await failure("ls", names.map((n) => `node_modules/${n}`), CACHE)) {
      return await failure("npm", [
        "install",
        "--no-audit",
        "--no-fund",
        "--prefix",
        CACHE,
        ...names,
      ], CACHE);
    }
  };
  const node = await failure("node", ["--version"]);
  const ws = node ?? await install("ws", "bufferutil");
  const bun = await install("bun");
  const bunPath = `${CACHE}node_modules/bun/bin/bun.exe`;
  // Node looks for packages beside the program.
  await Deno.copyFile(`${SERVERS}ws.mjs`, `${CACHE}ws.mjs`);
  const websocket = "websocket";
  return [
    { name: "pool", kind: websocket, bare: NODE_TCP, command: deno("pool.ts") },
    {
      name: "pool, copy",
      kind: websocket,
      bare: NODE_TCP,
      command: deno("pool.ts", "--copy"),
    },
    {
      name: "pool, items",
      kind: websocket,
      bare: NODE_TCP,
      command: deno("pool.ts", "--items"),
    },
    {
      name: "pool, upgradeNode",
      kind: websocket,
      bare: NODE_TCP,
      command: deno("pool_node.ts"),
    },
    {
      name: "pool over native",
      kind: websocket,
      bare: "native",
      command: deno("pool_native.ts"),
    },
    {
      name: "connection",
      kind: websocket,
      bare: NODE_TCP,
      command: deno("connection.ts"),
    },
    {
      name: "native",
      kind: websocket,
      bare: TCP,
      command: deno("native.ts"),
    },
    {
      name: "ws",
      kind: websocket,
      command: ["node", `${CACHE}ws.mjs`],
      ...(ws && { skipped: ws }),
    },
    {
      name: "ws, no bufferutil",
      kind: websocket,
      command: ["node", `${CACHE}ws.mjs`],
      env: { WS_NO_BUFFER_UTIL: "1" },
      ...(ws && { skipped: ws }),
    },
    {
      name: "ws in Deno",
      kind: websocket,
      bare: NODE_TCP,
      command: deno("ws.mjs"),
    },
    {
      name: "Bun",
      kind: websocket,
      command: [bunPath, `${SERVERS}bun.mjs`],
      ...(bun && { skipped: bun }),
    },
    { name: TCP, kind: "tcp", command: deno("tcp.ts") },
    { name: NODE_TCP, kind: "tcp", command: deno("tcp_node.ts") },
  ];
}

/** The servers of another revision of this repository, checked out into `folder`, beside those of this one. */
export async function peersOf(
  revision: string,
  folder: string,
): Promise<readonly Peer[]> {
  const wrong = await failure("git", [
    "worktree",
    "add",
    "--detach",
    folder,
    revision,
  ], SERVERS);
  if (wrong !== undefined) throw new Error(wrong);
  const command = (file: string, ...args: string[]) => [
    Deno.execPath(),
    "run",
    "-A",
    `${folder}/bench/servers/${file}`,
    ...args,
  ];
  const kind = "websocket";
  // An older server ignores a flag that it does not know.
  const copies =
    (await Deno.readTextFile(`${folder}/bench/servers/settings.ts`))
      .includes('"--copy"');
  return [
    {
      name: `pool, ${revision}`,
      kind,
      bare: NODE_TCP,
      command: command("pool.ts"),
    },
    {
      name: `pool, copy, ${revision}`,
      kind,
      bare: NODE_TCP,
      command: command("pool.ts", "--copy"),
      ...(!copies && { skipped: "its server has no --copy" }),
    },
    {
      name: `pool, upgradeNode, ${revision}`,
      kind,
      bare: NODE_TCP,
      command: command("pool_node.ts"),
    },
    {
      name: `pool over native, ${revision}`,
      kind,
      bare: "native",
      command: command("pool_native.ts"),
    },
  ];
}

/** Takes the checkout of {@link peersOf} away. */
export async function removeCheckout(folder: string): Promise<void> {
  await failure("git", ["worktree", "remove", "--force", folder], SERVERS);
}

/** The versions of everything that is measured. */
export async function versions(): Promise<Record<string, string>> {
  const of = async (command: string, ...args: string[]) => {
    try {
      const { stdout } = await new Deno.Command(command, { args }).output();
      return new TextDecoder().decode(stdout).trim();
    } catch {
      return "absent";
    }
  };
  const packageOf = async (name: string) => {
    try {
      const file = `${CACHE}node_modules/${name}/package.json`;
      return String(JSON.parse(await Deno.readTextFile(file)).version);
    } catch {
      return "absent";
    }
  };
  return {
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    node: await of("node", "--version"),
    bun: await packageOf("bun"),
    ws: await packageOf("ws"),
    bufferutil: await packageOf("bufferutil"),
  };
}

/** Starts a server and waits until it listens. */
export async function start(
  peer: Peer,
  args: readonly string[],
): Promise<Running> {
  const [command = "", ...rest] = peer.command;
  const child = new Deno.Command(command, {
    args: [...rest, ...args],
    stdout: "piped",
    stderr: "null",
    ...(peer.env && { env: { ...peer.env } }),
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), START_MS);
  let text = "";
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
  }
  clearTimeout(timer);
  const stop = async () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await reader.cancel();
    await child.status;
  };
  const port = Number(/"port":(\d+)/.exec(text)?.[1]);
  if (!(port > 0)) {
    await stop();
    throw new Error(`${peer.name} did not say where it listens`);
  }
  return { port, pid: child.pid, stop };
}
