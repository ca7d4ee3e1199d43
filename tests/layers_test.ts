import { assertEquals, assertMatch } from "@std/assert";

/**
 * The layers from the lowest to the highest. A file imports from its own layer and from lower ones only,
 * type-only imports included: docs/ARCHITECTURE.md says what belongs where.
 */
const LAYERS: readonly (readonly string[])[] = [
  ["transport/base"],
  ["transport/protocol/wire"],
  ["transport/protocol/receive", "transport/protocol/send"],
  ["transport/protocol"],
  ["transport/handshake"],
  ["transport/net/stream"],
  ["transport/net/proxy"],
  ["transport/net/node", "transport/net/deno"],
  ["transport/net"],
  ["transport/socket"],
  ["transport/client"],
  ["transport/server"],
  ["transport/connection/liveness", "transport/connection/sending"],
  ["transport/connection"],
  ["transport/pool"],
  ["transport"],
  ["inbound", "outbound", "testing", "websocket"],
  ["."],
];
const MAX_FILES = 16;
const IMPORT = /^(?:import|export)\b[^"';]*?from "(\.[^"]+)"/gms;

/** The modules of Node.js that are imported: Deno loads them within a few milliseconds. */
const IMPORTED_MODULES = ["buffer", "events", "timers", "util/types"];

/** The file of each folder whose module comment says what belongs there. */
const MAIN_FILES: Record<string, string> = {
  "transport/base": "errors.ts",
  "transport/protocol": "mod.ts",
  "transport/protocol/wire": "frame.ts",
  "transport/protocol/receive": "receiver.ts",
  "transport/protocol/send": "sender.ts",
  "transport/handshake": "mod.ts",
  "transport/net": "open_stream.ts",
  "transport/net/stream": "byte_stream.ts",
  "transport/net/proxy": "proxy.ts",
  "transport/net/node": "node_stream.ts",
  "transport/net/deno": "deno_stream.ts",
  "transport/socket": "socket.ts",
  "transport/client": "dialer.ts",
  "transport/server": "listen.ts",
  "transport/connection": "connection.ts",
  "transport/connection/liveness": "liveness.ts",
  "transport/connection/sending": "outgoing.ts",
  "transport/pool": "pool.ts",
};

interface Source {
  readonly path: string;
  readonly imports: readonly string[];
}

function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : ".";
}

function rankOf(folder: string): number {
  return LAYERS.findIndex((layer) => layer.includes(folder));
}

async function sources(folder: string): Promise<Source[]> {
  const found: Source[] = [];
  const root = new URL("../", import.meta.url);
  for await (const entry of Deno.readDir(new URL(`${folder}/`, root))) {
    const path = folder === "." ? entry.name : `${folder}/${entry.name}`;
    if (!entry.isFile || !/(?<!_test|\.d)\.ts$/.test(entry.name)) continue;
    const text = await Deno.readTextFile(new URL(path, root));
    const imports = [...text.matchAll(IMPORT)].map(([, specifier = ""]) =>
      new URL(specifier, `file:///${path}`).pathname.slice(1)
    );
    found.push({ path, imports });
  }
  return found;
}

async function allSources(): Promise<Source[]> {
  const existing: string[] = [];
  for (const folder of LAYERS.flat()) {
    try {
      await Deno.stat(new URL(`../${folder}/`, import.meta.url));
      existing.push(folder);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return (await Promise.all(existing.map(sources))).flat();
}

Deno.test("Imports point to lower layers only", async () => {
  const wrong: string[] = [];
  for (const { path, imports } of await allSources()) {
    const own = rankOf(folderOf(path));
    for (const target of imports) {
      const folder = folderOf(target);
      const rank = rankOf(folder);
      const sibling = rank === own && folder !== folderOf(path);
      if (rank < 0 || rank > own || sibling) wrong.push(`${path} -> ${target}`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("No import leads back to where it came from", async () => {
  const graph = new Map(
    (await allSources()).map(({ path, imports }) => [path, imports]),
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]) => {
    if (trail.includes(path)) cycles.push([...trail, path].join(" -> "));
    else if (!done.has(path)) {
      for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    }
  };
  for (const path of graph.keys()) visit(path, []);
  assertEquals(cycles, []);
});

Deno.test("No folder of transport has more files than a reader can survey", async () => {
  const counts = new Map<string, number>();
  for (const { path } of await allSources()) {
    const folder = folderOf(path);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  const crowded = [...counts].filter(([folder, count]) =>
    folder.startsWith("transport/") && count > MAX_FILES
  );
  assertEquals(crowded, []);
});

Deno.test("The main file of each folder of transport says what belongs there", async () => {
  const folders = LAYERS.flat().filter((folder) =>
    folder.startsWith("transport/")
  );
  assertEquals(folders.toSorted(), Object.keys(MAIN_FILES).toSorted());
  for (const [folder, file] of Object.entries(MAIN_FILES)) {
    const url = new URL(`../${folder}/${file}`, import.meta.url);
    const [comment] = (await Deno.readTextFile(url)).split("*/", 1);
    assertMatch(comment ?? "", /^\/\*\*[^]*@module\s*$/, `${folder}/${file}`);
  }
});

Deno.test("No class of the library has a private getter", async () => {
  // V8 takes 9 ns for each call of one, and 1 ns for a private method or a public getter. A message passes through many.
  const found: string[] = [];
  for (const { path } of await allSources()) {
    const url = new URL(`../${path}`, import.meta.url);
    if (/^ +(?:get|set) #/m.test(await Deno.readTextFile(url))) {
      found.push(path);
    }
  }
  assertEquals(found, []);
});

Deno.test("The library imports no module of Node.js that takes long to load", async () => {
  const found: string[] = [];
  for (const { path } of await allSources()) {
    const url = new URL(`../${path}`, import.meta.url);
    const text = await Deno.readTextFile(url);
    for (
      const [, name = ""] of text.matchAll(
        /^import (?!type\b)[^"';]*from "node:([^"]+)"/gm,
      )
    ) {
      if (!IMPORTED_MODULES.includes(name)) found.push(`${path}: ${name}`);
    }
  }
  assertEquals(found, []);
});
