import { assertEquals } from "@std/assert";

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
  ["transport/connection/liveness"],
  ["transport/connection"],
  ["transport/pool"],
  ["transport"],
  ["inbound", "outbound", "testing", "websocket"],
  ["."],
];
const MAX_FILES = 16;
const IMPORT = /^(?:import|export)\b[^"';]*?from "(\.[^"]+)"/gms;

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
