// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * More than Deno: runs `peer.ts` on Node 22 and on Bun, which come from npm, and on Deno; and `streams.ts` on the first two,
 * since `deno task suite streams` does the same on Deno.
 *
 * `deno task suite runtimes`
 *
 * @module
 */

const CACHE = new URL("../.runtimes/", import.meta.url).pathname;
/** A program that does not end is broken. */
const LIMIT_MS = 480_000;
const RUNTIMES = [
  ["Deno", Deno.execPath(), "run", "-A"],
  ["Node", `${CACHE}node_modules/node/bin/node`, "--no-warnings"],
  ["Bun", `${CACHE}node_modules/bun/bin/bun.exe`],
] as const;

await Deno.mkdir(CACHE, { recursive: true });
await output("npm", [
  "install",
  "--no-audit",
  "--no-fund",
  "--prefix",
  CACHE,
  "node@22",
  "bun@1",
]);
let passed = 0;
let failed = 0;
for (const [name, command, ...flags] of RUNTIMES) {
  const version = (await output(command, ["--version"])).text.split("\n", 1);
  console.log(`${name}: ${version}`);
  await run("peer.ts", command, flags);
  if (name !== "Deno") await run("streams.ts", command, flags);
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) Deno.exitCode = 1;

async function run(
  program: string,
  command: string,
  flags: readonly string[],
): Promise<void> {
  const { pathname } = new URL(program, import.meta.url);
  const { text, success } = await output(command, [...flags, pathname]);
  console.log(text);
  const ok = text.match(/ \.\.\. ok$/gm)?.length ?? 0;
  const wrong = text.match(/ \.\.\. FAILED/g)?.length ?? 0;
  passed += ok;
  // One that ends too early or too late has failed as well.
  failed += success || wrong > 0 ? wrong : 1;
  if (ok + wrong === 0) failed++;
}

async function output(
  command: string,
  args: readonly string[],
): Promise<{ readonly text: string; readonly success: boolean }> {
  const { stdout, stderr, success } = await new Deno.Command(command, {
    args: [...args],
    signal: AbortSignal.timeout(LIMIT_MS),
  }).output();
  const decoder = new TextDecoder();
  return { text: decoder.decode(stdout) + decoder.decode(stderr), success };
}
