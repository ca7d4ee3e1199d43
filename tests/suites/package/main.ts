// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * The packed package, as npm installs it: a strict TypeScript project without the DOM library compiles, a program runs on
 * Node.js 22 and 24, on Bun, and bundled by esbuild, the programs of the documentation run on Node.js and Bun, and the
 * tests of the repository pass that need nothing of Deno, on these and on the lowest and this version of Deno.
 *
 * `deno task suite package`
 *
 * @module
 */

import { runNodeServer, runPrograms, writePrograms } from "./programs.ts";

const HERE = new URL(".", import.meta.url).pathname;
const ROOT = new URL("../../../", import.meta.url).pathname;
const LIMIT_MS = 600_000;
/** The lowest version of Deno that is supported. */
const LOWEST = "2.9.3";
const TSCONFIG = {
  compilerOptions: {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
    target: "esnext",
    module: "nodenext",
    lib: ["esnext"],
    types: ["node"],
  },
  files: ["program.ts"],
};

async function run(
  cwd: string,
  command: string,
  ...args: string[]
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(LIMIT_MS),
  }).output();
  const decoder = new TextDecoder();
  const text = decoder.decode(stdout) + decoder.decode(stderr);
  if (!success) throw new Error(`${command} ${args.join(" ")}\n${text}`);
  return text;
}

const folder = await Deno.makeTempDir();
const modules = `${folder}/node_modules`;
const node22 = `${modules}/node22/bin/node`;
const node24 = `${modules}/node24/bin/node`;
let passed = 0;
let failed = 0;

async function step(name: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
    passed++;
    console.log(`${name} ... ok`);
  } catch (error) {
    failed++;
    console.log(`${name} ... FAILED\n${error}`);
  }
}

/** Runs the tests of the repository against the installed package. */
async function test(command: string, ...args: string[]): Promise<void> {
  const text = await run(folder, command, ...args, "tests.mjs");
  console.log(text.match(/^\d+ passed, .*$/m)?.[0]);
}

async function consume(command: string, ...args: string[]): Promise<void> {
  const text = await run(folder, command, ...args);
  if (!text.includes("an outbound pool ... ok")) throw new Error(text);
}

try {
  const archive = `${folder}/honeybee.tgz`;
  await run(ROOT, Deno.execPath(), "pack", "--allow-dirty", "-o", archive);
  await Deno.writeTextFile(
    `${folder}/package.json`,
    JSON.stringify({ private: true, type: "module" }),
  );
  await Deno.writeTextFile(`${folder}/tsconfig.json`, JSON.stringify(TSCONFIG));
  await Deno.copyFile(`${HERE}consumer.mjs`, `${folder}/consumer.mjs`);
  // Not named .ts, since Deno would check it with the DOM library.
  await Deno.copyFile(`${HERE}program.txt`, `${folder}/program.ts`);
  await run(
    folder,
    "npm",
    "install",
    "--no-audit",
    "--no-fund",
    archive,
    "typescript@5",
    "@types/node@22",
    "esbuild@0.25",
    "bun@1",
    "node22@npm:node@22",
    "node24@npm:node@24",
    `lowest@npm:deno@${LOWEST}`,
    "ws@8",
    "@logtape/logtape@2",
  );
  await step(
    "a strict project without the DOM library compiles",
    async () => void await run(folder, `${modules}/.bin/tsc`),
  );
  await step("Node 22", () => consume(node22, "consumer.mjs"));
  await step("Node 24", () => consume(node24, "consumer.mjs"));
  await step(
    "Bun",
    () => consume(`${modules}/bun/bin/bun.exe`, "consumer.mjs"),
  );
  await step("esbuild", async () => {
    await run(
      folder,
      `${modules}/.bin/esbuild`,
      "consumer.mjs",
      "--bundle",
      "--platform=node",
      "--format=esm",
      "--outfile=bundle.mjs",
    );
    await consume(node24, "bundle.mjs");
  });
  const programs = await writePrograms(`${folder}/programs`);
  await run(
    folder,
    `${modules}/.bin/esbuild`,
    ...programs.map((name) => `programs/${name}`),
    "--outdir=programs",
    "--out-extension:.js=.mjs",
    "--format=esm",
    "--target=node22",
  );
  const files = programs.map((name) =>
    `${folder}/programs/${name.replace(/\.ts$/, ".mjs")}`
  );
  for (
    const [name, command] of [
      ["Node 22", node22],
      ["Bun", `${modules}/bun/bin/bun.exe`],
    ] as const
  ) {
    await step(
      `${files.length} programs of the documentation on ${name}`,
      () => runPrograms([command], files),
    );
    await step(
      `the server of the README on ${name}`,
      () => runNodeServer([command], `${folder}/programs`),
    );
  }
  await run(
    folder,
    "node",
    `${HERE}bundle.mjs`,
    ROOT,
    `${modules}/@honeybee/honeybee`,
    `${folder}/tests.mjs`,
  );
  const lowest = `${modules}/@deno/linux-x64-glibc/deno`;
  await step("tests on Node 22", () => test(node22));
  await step("tests on Node 24", () => test(node24));
  await step("tests on Bun", () => test(`${modules}/bun/bin/bun.exe`));
  await step(`tests on Deno ${LOWEST}`, () => test(lowest, "run", "-A"));
  await step(
    `tests on Deno ${Deno.version.deno}`,
    () => test(Deno.execPath(), "run", "-A"),
  );
} finally {
  await Deno.remove(folder, { recursive: true });
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) Deno.exitCode = 1;
