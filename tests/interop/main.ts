// deno-lint-ignore-file no-console -- a suite prints its results
/**
 * The library with the outside world: foreign clients and servers, reverse proxies and forward proxies.
 *
 * `deno task suite interop [--only NAME] [--write]` prints what holds as tables and ends with a count. `--write`
 * puts the tables into docs/COMPATIBILITY.md; a whole run without it compares them. A part whose program
 * is missing says `skipped: reason`.
 *
 * @module
 */

import { type Part, parts, tables } from "./parts.ts";
import { countRunning, isThere, killAll } from "./_support/child.ts";
import { until } from "./_support/deadline.ts";
import { checkDocument, writeDocument } from "./_support/document.ts";
import { removeFolders } from "./_support/folder.ts";
import { installPackages } from "./_support/packages.ts";
import { Tally } from "./_support/tally.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
async function interrupt() {
  await killAll();
  await removeFolders();
  Deno.exit(1);
}
for (const signal of SIGNALS) Deno.addSignalListener(signal, interrupt);

const index = Deno.args.indexOf("--only");
const only = index < 0 ? undefined : Deno.args[index + 1];
const tally = new Tally();

await installPackages();
// What the tests dial is on this machine.
for (const name of ["http_proxy", "https_proxy", "all_proxy"]) {
  Deno.env.delete(name);
  Deno.env.delete(name.toUpperCase());
}
// Debian keeps daemons where only root looks.
Deno.env.set("PATH", `${Deno.env.get("PATH")}:/usr/local/sbin:/usr/sbin`);
const open = openDescriptors();
const chosen = parts(tally)
  .filter(({ name }) => only === undefined || only === name);
if (chosen.length === 0) tally.fail(`--only ${only}`, "There is no such part");
for (const part of chosen) await runPart(part);
await tally.run("nothing is left open", () =>
  until(
    "Closing",
    () => openDescriptors() <= open && countRunning() === 0,
  ));

const text = tables();
console.log(`\n${text}\n`);
const whole = only === undefined && tally.skipped.length === 0;
if (Deno.args.includes("--write") && whole) {
  await tally.run("docs/COMPATIBILITY.md", () => writeDocument(text));
} else if (whole) {
  await tally.run("docs/COMPATIBILITY.md", () => checkDocument(text));
}
console.log(`${tally.passed} passed, ${tally.failed} failed`);
Deno.exitCode = tally.failed > 0 ? 1 : 0;
for (const signal of SIGNALS) Deno.removeSignalListener(signal, interrupt);

async function runPart({ name, program, run }: Part): Promise<void> {
  if (program !== undefined && !await isThere(program)) {
    tally.skip(name, `there is no ${program} on this machine`);
    return;
  }
  try {
    await run();
  } catch (error) {
    tally.fail(name, error);
  }
}

/** How many files and sockets this process has open. */
function openDescriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}
