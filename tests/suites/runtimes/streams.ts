// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * Every kind of byte stream on whatever runtime runs this: the contract, late takeovers, openings that are aborted, and cases with
 * processes of their own. Must end without a call of exit.
 *
 * @module
 */

import process from "node:process";
import {
  abortEverywhere,
  OPENINGS,
} from "../../../transport/net/_support/openings.ts";
import {
  CONTRACT,
  runCase,
} from "../../../transport/net/_support/stream_contract.ts";
import { STREAM_KINDS } from "../../../transport/net/_support/stream_kinds.ts";
import { TAKEOVER_CASES } from "../../../transport/net/_support/takeovers.ts";
import { PROCESS_CASES } from "../streams/cases.ts";
import { DIAL_CASES } from "../streams/dial_cases.ts";

const CASES = [
  ...STREAM_KINDS.flatMap((kind) =>
    CONTRACT.map((part) => ({
      name: `${kind.name}: ${part.name}`,
      run: () => runCase(kind, part),
    }))
  ),
  ...TAKEOVER_CASES,
  ...OPENINGS.map((opening) => ({
    name: `an opening that is aborted at any moment: ${opening.name}`,
    run: () => abortEverywhere(opening),
  })),
  ...PROCESS_CASES,
  ...DIAL_CASES,
];

let failed = 0;
for (const { name, run } of CASES) {
  try {
    await run();
    console.log(`${name} ... ok`);
  } catch (error) {
    failed++;
    console.log(`${name} ... FAILED`, error);
  }
}
process.exitCode = failed > 0 ? 1 : 0;
