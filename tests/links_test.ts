import { assertEquals } from "@std/assert";

const ROOT = new URL("../", import.meta.url);
const LINK = /\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g;
const PATH = /`((?:bench|docs|examples|tests|transport)\/[\w./]+\.\w+)`/g;

async function* pages(folder: string): AsyncGenerator<string> {
  for await (
    const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))
  ) {
    if (isDirectory) yield* pages(`${folder}${name}/`);
    else if (name.endsWith(".md")) yield folder + name;
  }
}

async function allPages(): Promise<string[]> {
  const found: string[] = [];
  for await (const page of pages("docs/")) found.push(page);
  for await (const { name } of Deno.readDir(ROOT)) {
    if (name.endsWith(".md")) found.push(name);
  }
  return found;
}

/** The names of a page's headings in links. */
function anchors(text: string): Set<string> {
  const names = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title.toLowerCase().replace(/[^\p{L}\d\- ]/gu, "").replaceAll(" ", "-")
  );
  return new Set(names);
}

async function read(path: URL): Promise<string | undefined> {
  try {
    return (await Deno.stat(path)).isFile ? await Deno.readTextFile(path) : "";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

Deno.test("Links and names of files in the documentation lead somewhere", async () => {
  const broken: string[] = [];
  const all = await allPages();
  for (const page of all) {
    const base = new URL(page, ROOT);
    const text = await Deno.readTextFile(base);
    for (const [link, path = "", anchor] of text.matchAll(LINK)) {
      const target = path === "" ? text : await read(new URL(path, base));
      const leads = target !== undefined &&
        (anchor === undefined || anchors(target).has(anchor));
      if (!leads) broken.push(`${page}: ${link}`);
    }
    for (const [, path = ""] of text.matchAll(PATH)) {
      const known = await read(new URL(path, ROOT));
      if (known === undefined) broken.push(`${page}: ${path}`);
    }
  }
  assertEquals(broken, []);
  assertEquals(all.length > 25, true);
});
