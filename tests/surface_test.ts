import { assertEquals } from "@std/assert";

const MAX_NAMES = 80;
const ENTRY = await Deno.readTextFile(new URL("../mod.ts", import.meta.url));
const LISTS = /^export (?:type )?\{([^}]*)\} from/gm;

Deno.test("The application's entry point names what it exports, at most 80 names, each once", () => {
  const names = [...ENTRY.matchAll(LISTS)].flatMap(([, list = ""]) =>
    list.split(",").map((name) => name.trim().replace(/^type /, ""))
  ).filter(Boolean);
  assertEquals(ENTRY.includes("export *"), false);
  assertEquals([...new Set(names)].length, names.length);
  assertEquals(
    names.length > 40 && names.length <= MAX_NAMES,
    true,
    `${names.length} names`,
  );
});
