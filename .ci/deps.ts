/**
 * Makes the dependencies from JSR there for the other tasks.
 *
 * Where jsr.io answers, Deno fetches them by itself and this script only takes
 * its own stand-ins away. Where it does not, but the npm registry does, it puts
 * stand-ins into `vendor/`: the code of the npm package `deno-std` under
 * hand-written types, with versions that no real package has.
 */

const VENDOR = new URL("../vendor/jsr.io/@std/", import.meta.url);
const MARKER = new URL("STAND-INS", VENDOR);
const SOURCES = new URL("stand-in/", import.meta.url);
const PROBE_MS = 2_000;

/** Fake versions that satisfy the ranges in `deno.json`. */
const VERSIONS: Readonly<Record<string, string>> = {
  assert: "1.9999.0",
  async: "1.9999.0",
  log: "0.224.9999",
};

async function jsrAnswers(): Promise<boolean> {
  try {
    const response = await fetch("https://jsr.io/@std/assert/meta.json", {
      signal: AbortSignal.timeout(PROBE_MS),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

async function exists(path: URL): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function putStandIn(name: string, version: string): Promise<void> {
  const home = new URL(`${name}/`, VENDOR);
  const code = new URL(`${version}/`, home);
  await Deno.mkdir(code, { recursive: true });
  let entry = "";
  for await (
    const { name: file } of Deno.readDir(new URL(`${name}/`, SOURCES))
  ) {
    if (!file.endsWith(".d.ts")) entry = file;
    const text = await Deno.readTextFile(new URL(`${name}/${file}`, SOURCES));
    await Deno.writeTextFile(new URL(file, code), text);
  }
  const meta = { versions: { [version]: {} } };
  const versionMeta = { manifest: {}, exports: { ".": `./${entry}` } };
  await Deno.writeTextFile(new URL("meta.json", home), JSON.stringify(meta));
  await Deno.writeTextFile(
    new URL(`${version}_meta.json`, home),
    JSON.stringify(versionMeta),
  );
}

const marked = await exists(MARKER);
if (await jsrAnswers()) {
  if (marked) await Deno.remove(VENDOR, { recursive: true });
} else if (marked || !await exists(VENDOR)) {
  for (const [name, version] of Object.entries(VERSIONS)) {
    await putStandIn(name, version);
  }
  await Deno.writeTextFile(
    MARKER,
    "jsr.io did not answer. These are stand-ins, not the real packages.\n" +
      "`deno task deps` removes them as soon as jsr.io answers.\n",
  );
  console.error(
    "deps: jsr.io does not answer, stand-ins are used in its place",
  );
}
