import { assert, assertEquals } from "@std/assert";

const TABLE = new URL("../docs/WEBSOCKET_CLASS.md", import.meta.url);
const ROW = /^\| `([^`]+\.any\.js)` +\| (.*?) *\| (.*?) *\|$/gm;
const TEST = /^(?:Deno\.test|testEveryServer)\(\s*"([^"]+)"/gm;

/** One file of the Web Platform Tests: the test of ours, in quotation marks, or the reason why there is none. */
interface Row {
  readonly file: string;
  readonly test: string;
  readonly reason: string;
}

async function readRows(): Promise<Row[]> {
  const text = await Deno.readTextFile(TABLE);
  return [...text.matchAll(ROW)].map((
    [, file = "", test = "", reason = ""],
  ) => (
    { file, test, reason }
  ));
}

async function testNames(): Promise<Set<string>> {
  const names = new Set<string>();
  const folder = new URL("./", import.meta.url);
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(new URL(name, folder));
    for (const [, test = ""] of text.matchAll(TEST)) names.add(test);
  }
  return names;
}

Deno.test("Every test that the table of the Web Platform Tests names exists", async () => {
  const names = await testNames();
  const missing = (await readRows())
    .filter(({ test }) => test !== "" && !names.has(test.slice(1, -1)));
  assertEquals(missing, []);
});

Deno.test("Every file of the Web Platform Tests has a test or a reason, and stands in the table once", async () => {
  const rows = await readRows();
  assert(rows.length > 100, `${rows.length}`);
  assertEquals(
    rows.filter(({ test, reason }) => (test === "") === (reason === "")),
    [],
  );
  assertEquals(new Set(rows.map(({ file }) => file)).size, rows.length);
});
