/**
 * Makes the dependencies from JSR available to the other tasks.
 *
 * If jsr.io answers, Deno fetches them, and this script only removes its own
 * stand-ins. If it does not answer, but the npm registry does, it puts
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

/** Leaves a file alone that is right already: others may be reading it. */
async function put(path: URL, text: string): Promise<void> {
  if (await exists(path) && await Deno.readTextFile(path) === text) return;
  await Deno.writeTextFile(path, text);
}

async function putStandIn(name: string, version: string): Promise<void> {
  const source = new URL(`${name}/`, SOURCES);
  const home = new URL(`${name}/`, VENDOR);
  const code = new URL(`${version}/`, home);
  await Deno.mkdir(code, { recursive: true });
  let entry = "";
  for await (const { name: file } of Deno.readDir(source)) {
    if (!file.endsWith(".d.ts")) entry = file;
    await put(
      new URL(file, code),
      await Deno.readTextFile(new URL(file, source)),
    );
  }
  const versions = { versions: { [version]: {} } };
  const exports = { manifest: {}, exports: { ".": `./${entry}` } };
  await put(new URL("meta.json", home), JSON.stringify(versions));
  await put(new URL(`${version}_meta.json`, home), JSON.stringify(exports));
}

const marked = await exists(MARKER);
if (await jsrAnswers()) {
  if (marked) await Deno.remove(VENDOR, { recursive: true });
} else if (marked || !await exists(VENDOR)) {
  await Deno.mkdir(VENDOR, { recursive: true });
  // The marker goes first: what an interrupted run leaves is still known as ours.
  await put(
    MARKER,
    "jsr.io did not answer. These are stand-ins, not the real packages.\n" +
      "`deno task deps` removes them as soon as jsr.io answers.\n",
  );
  for (const [name, version] of Object.entries(VERSIONS)) {
    await putStandIn(name, version);
  }
  // deno-lint-ignore no-console -- a script speaks to its terminal
  console.error(
    "deps: jsr.io does not answer, stand-ins are used in its place",
  );
}
