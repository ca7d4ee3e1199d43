// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * The types of the package as npm gets it: a strict TypeScript project on Node.js without the DOM library compiles,
 * and what was meant to be typed is not `any`.
 *
 * `deno task types`
 *
 * @module
 */

const CACHE = new URL("../.types/", import.meta.url).pathname;
const PROGRAM = new URL("program.txt", import.meta.url).pathname;
const TARBALL = `${CACHE}honeybee.tgz`;
const LIMIT_MS = 240_000;
/** The types of the versions of Node.js that are supported, and of the one before. */
const NODE_TYPES = ["20", "22", "24"];
const COMPILER_OPTIONS = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  target: "esnext",
  module: "nodenext",
  lib: ["esnext"],
  types: ["node"],
  skipLibCheck: false,
  noEmit: true,
};

await Deno.mkdir(CACHE, { recursive: true });
await run(Deno.execPath(), ["pack", "--allow-dirty", "-o", TARBALL]);
await Deno.writeTextFile(
  `${CACHE}tsconfig.json`,
  JSON.stringify({ compilerOptions: COMPILER_OPTIONS, files: ["program.ts"] }),
);
await Deno.writeTextFile(
  `${CACHE}package.json`,
  JSON.stringify({ name: "program", type: "module", private: true }),
);
await Deno.copyFile(PROGRAM, `${CACHE}program.ts`);
let failed = 0;
for (const version of NODE_TYPES) {
  await run("npm", [
    "install",
    "--no-audit",
    "--no-fund",
    "--no-save",
    "--prefix",
    CACHE,
    "typescript@5",
    `@types/node@${version}`,
    TARBALL,
  ]);
  const compiled = await output(`${CACHE}node_modules/.bin/tsc`, [
    "--project",
    CACHE,
  ]);
  console.log(
    `@types/node@${version} ... ${compiled.success ? "ok" : "FAILED"}`,
  );
  if (!compiled.success) {
    console.log(compiled.text);
    failed++;
  }
}
console.log(`${NODE_TYPES.length - failed} passed, ${failed} failed`);
if (failed > 0) Deno.exitCode = 1;

/** Runs a command that has to succeed. */
async function run(command: string, args: readonly string[]): Promise<void> {
  const { text, success } = await output(command, args);
  if (!success) throw new Error(`${command} failed:\n${text}`);
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
