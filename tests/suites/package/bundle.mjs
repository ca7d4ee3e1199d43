// Bundles the tests that need nothing of Deno but `Deno.test`, so that they import the installed package in place of the
// sources: `node bundle.mjs ROOT PACKAGE OUTPUT`
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { relative, resolve } from "node:path";
import process from "node:process";

const [root, installed, outfile] = process.argv.slice(2);
const { build } = createRequire(`${installed}/package.json`)("esbuild");
const here = import.meta.dirname;
const FOLDERS = ["transport", "inbound", "outbound", "testing", "websocket"];
const PUBLISHED = new RegExp(`^(mod\\.ts|(${FOLDERS.join("|")})/)`);
const OF_TESTS = /_test\.ts$|\/_support\//;
const RELATIVE = /(?:from|import\(?)\s*"(\.[^"]+)"/g;
/** The runtime's WebSocket on Node.js does not give the status with which a server refuses. */
const DENO_ONLY = ["transport/client/dial_native_ws_test.ts"];
/** What only Deno has, other libraries, and files of the repository. */
const UNFIT =
  /\bDeno\.(?!test\b)|from "(?!\.|@std\/(assert|async)"|node:|ws")|import\.meta|globalThis\.addEventListener|\.ts\?/;

/** Whether a file of the repository comes from the package. */
function isPackaged(file) {
  return PUBLISHED.test(file) && !OF_TESTS.test(file);
}

/** Whether a test, with its helpers, runs on every runtime. */
function isFit(file, seen = new Set()) {
  if (seen.has(file)) return true;
  seen.add(file);
  const text = readFileSync(resolve(root, file), "utf8");
  if (UNFIT.test(text.replaceAll(/^\s*(\/\/|\/?\*).*$/gm, ""))) return false;
  return [...text.matchAll(RELATIVE)].every(([, path]) => {
    const next = relative(root, resolve(root, file, "..", path));
    return isPackaged(next) || isFit(next, seen);
  });
}

const files = [...FOLDERS, "tests"]
  .flatMap((folder) =>
    readdirSync(resolve(root, folder), { recursive: true })
      .map((name) => `${folder}/${name}`)
  )
  .filter((file) => file.endsWith("_test.ts"))
  .filter((file) => !/^tests\/(suites|interop)\//.test(file))
  .filter((file) => !DENO_ONLY.includes(file) && isFit(file)).sort();

/** The modules of the library come from the package, file by file. */
const fromPackage = {
  name: "package",
  setup(bundle) {
    bundle.onResolve({ filter: /^@std\// }, ({ path }) => ({
      path: resolve(here, `${path.slice(5)}.mjs`),
    }));
    bundle.onResolve({ filter: /^[@a-z]/ }, () => ({ external: true }));
    bundle.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
      const file = relative(root, resolve(resolveDir, path));
      if (!isPackaged(file)) return;
      const module = resolve(installed, file.replace(/\.ts$/, ".js"));
      if (!existsSync(module)) throw new Error(`The package lacks ${file}.`);
      return { path: module, external: true };
    });
  },
};

const imports = files.map((file) => resolve(root, file));
await build({
  stdin: {
    contents: `${
      imports.map((file) => `import ${JSON.stringify(file)};`).join("\n")
    }
import { runTests } from "./runner.mjs";
await runTests();`,
    resolveDir: here,
  },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "es2024",
  // Deno does not parse an escaped surrogate before an escaped code point.
  charset: "utf8",
  outfile,
  define: { "Deno.test": "registerTest" },
  inject: [resolve(here, "register.mjs")],
  plugins: [fromPackage],
  logLevel: "error",
});
