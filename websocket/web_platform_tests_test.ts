import { assert, assertEquals } from "@std/assert";

const TABLE = new URL("../docs/WEB_PLATFORM_TESTS.md", import.meta.url);
const ROW = /^\| `([^`]+\.any\.js)` +\| (.*?) *\|$/gm;
const TEST = /^(?:Deno\.test|testEveryServer)\(\s*"([^"]+)"/gm;

/** One file of the Web Platform Tests. */
interface Row {
  readonly file: string;
  /** The name of our test in quotation marks, or the reason why there is none. */
  readonly cell: string;
}

async function readRows(): Promise<Row[]> {
  const text = await Deno.readTextFile(TABLE);
  return [...text.matchAll(ROW)].map(([, file = "", cell = ""]) => (
    { file, cell }
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
    .filter(({ cell }) =>
      cell.startsWith('"') && !names.has(cell.slice(1, -1))
    );
  assertEquals(missing, []);
});

Deno.test("Every file of the Web Platform Tests has a test or a reason, and stands in the table once", async () => {
  const rows = await readRows();
  assert(rows.length > 100, `${rows.length}`);
  assertEquals(rows.filter(({ cell }) => cell === ""), []);
  assertEquals(new Set(rows.map(({ file }) => file)).size, rows.length);
});
