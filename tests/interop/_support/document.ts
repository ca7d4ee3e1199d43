import { output } from "./child.ts";

const FILE = new URL("../../../docs/COMPATIBILITY.md", import.meta.url);
const BEGIN = "<!-- deno task suite interop --write: begin -->";
const END = "<!-- deno task suite interop --write: end -->";

/** Puts the tables into the page for users. */
export async function writeDocument(tables: string): Promise<void> {
  const { before, after } = await readDocument();
  await Deno.writeTextFile(
    FILE,
    `${before}${BEGIN}\n\n${tables}\n\n${END}${after}`,
  );
  const { success, text } = await output(Deno.execPath(), [
    "fmt",
    FILE.pathname,
  ]);
  if (!success) throw new Error(`deno fmt failed: ${text}`);
}

/** Throws if the page for users says something else, apart from versions. */
export async function checkDocument(tables: string): Promise<void> {
  const { tables: written } = await readDocument();
  if (comparable(written) !== comparable(tables)) {
    throw new Error(
      "docs/COMPATIBILITY.md is out of date. Run `deno task suite interop --write`.",
    );
  }
}

async function readDocument() {
  const text = await Deno.readTextFile(FILE);
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new Error(
      `Cannot find the tables in docs/COMPATIBILITY.md: they stand between "${BEGIN}" and "${END}".`,
    );
  }
  return {
    before: text.slice(0, begin),
    tables: text.slice(begin + BEGIN.length, end),
    after: text.slice(end + END.length),
  };
}

/** Without versions and without what a formatter changes. */
function comparable(tables: string): string {
  return tables
    .replace(/(?<=\w) \d[\w.]*(?=,| +\|)/g, "")
    .replace(/-+/g, "-")
    .replace(/\s+/g, " ")
    .trim();
}
