// deno-lint-ignore-file no-console -- a suite prints its results
/**
 * The library with the outside world: foreign clients and servers, reverse proxies and forward proxies.
 *
 * `deno task interop [--only NAME] [--write]` prints what holds as tables and ends with a count. `--write`
 * puts the tables into docs/COMPATIBILITY.md; a whole run without it compares them. A part whose program
 * is missing says `skipped: reason`.
 *
 * @module
 */

import { MAKES } from "./makes.ts";
import { peerMatrices, runMake } from "./part_peers.ts";
import { countRunning, isThere, killAll } from "./_support/child.ts";
import { until } from "./_support/deadline.ts";
import { checkDocument, writeDocument } from "./_support/document.ts";
import { installPackages } from "./_support/packages.ts";
import { Tally } from "./_support/tally.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
function interrupt() {
  killAll();
  Deno.exit(1);
}
for (const signal of SIGNALS) Deno.addSignalListener(signal, interrupt);

const index = Deno.args.indexOf("--only");
const only = index < 0 ? undefined : Deno.args[index + 1];
const tally = new Tally();
const matrices = peerMatrices();

await installPackages();
const open = openDescriptors();
for (const make of MAKES) {
  if (only !== undefined && only !== make.name) continue;
  if (make.program !== undefined && !await isThere(make.program)) {
    tally.skip(make.name, `there is no ${make.program} on this machine`);
    continue;
  }
  try {
    await runMake(make, matrices, tally);
  } catch (error) {
    tally.fail(make.name, error);
  }
}

await tally.run("nothing is left open", async () => {
  await until(
    "Closing",
    () => openDescriptors() <= open && countRunning() === 0,
  );
});

const tables = matrices.filter((matrix) => !matrix.empty)
  .map((matrix) => matrix.toMarkdown()).join("\n\n");
console.log(`\n${tables}\n`);
const whole = only === undefined && tally.skipped.length === 0;
if (Deno.args.includes("--write") && whole) {
  await tally.run("docs/COMPATIBILITY.md", () => writeDocument(tables));
} else if (whole) {
  await tally.run("docs/COMPATIBILITY.md", () => checkDocument(tables));
}
console.log(`${tally.passed} passed, ${tally.failed} failed`);
Deno.exitCode = tally.failed > 0 || tally.passed === 0 ? 1 : 0;
for (const signal of SIGNALS) Deno.removeSignalListener(signal, interrupt);

/** How many files and sockets this process has open. */
function openDescriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}
