/** Runs a peer on Node, Bun or Deno: commands come in lines of JSON on stdin, reports go to stdout. */
import process from "node:process";
import { createInterface } from "node:readline";
import { drive } from "./driver.mjs";

const { default: library } = await import(`./${process.argv[2]}.mjs`);
const lines = createInterface({ input: process.stdin });
await drive(library, {
  commands: (async function* () {
    for await (const line of lines) yield JSON.parse(line);
  })(),
  report: (report) => process.stdout.write(`${JSON.stringify(report)}\n`),
});
// The input has ended: the process that started this program has gone.
process.exit();
