import { output } from "./child.ts";

const ROOT = new URL("../../../", import.meta.url);
const SOURCES = new URL("tests/interop/peers/", ROOT);
/** Where npm packages are installed, for runtimes that do not read deno.json. */
const PACKAGES = new URL("tests/.interop/", ROOT);
/** The peers beside their packages. Deno's own tools skip a folder of this name. */
export const PEERS = new URL("node_modules/.peers/", PACKAGES).pathname;
/** What the peers import, in the versions that deno.json names, and the runtimes. */
const IMPORTED = [
  "faye-websocket",
  "permessage-deflate",
  "undici",
  "websocket",
  "ws",
];
const RUNTIMES = ["node@22", "bun@1"];

/** The programs that npm installs. */
export const NODE = new URL("node_modules/node/bin/node", PACKAGES).pathname;
export const BUN = new URL("node_modules/bun/bin/bun.exe", PACKAGES).pathname;

/** Installs the runtimes and libraries of the peers from npm, and copies the peers to them. */
export async function installPackages(): Promise<void> {
  await Deno.mkdir(PACKAGES, { recursive: true });
  const config = JSON.parse(
    await Deno.readTextFile(new URL("deno.json", ROOT)),
  );
  const libraries = IMPORTED.map((name) =>
    String(config.imports[name]).replace(/^npm:/, "")
  );
  const { success, text } = await output("npm", [
    "install",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
    "--prefix",
    PACKAGES.pathname,
    ...RUNTIMES,
    ...libraries,
  ]);
  if (!success) throw new Error(`npm cannot install the peers: ${text}`);
  await Deno.mkdir(PEERS, { recursive: true });
  for await (const { name } of Deno.readDir(SOURCES)) {
    if (name.endsWith(".mjs")) {
      await Deno.copyFile(new URL(name, SOURCES), `${PEERS}${name}`);
    }
  }
}
