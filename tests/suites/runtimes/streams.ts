// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * The contract of byte streams on whatever runtime runs this, for every kind of stream. Must end without a call of exit.
 *
 * @module
 */

import process from "node:process";
import {
  CONTRACT,
  runCase,
} from "../../../transport/net/_support/stream_contract.ts";
import { STREAM_KINDS } from "../../../transport/net/_support/stream_kinds.ts";

let failed = 0;
for (const kind of STREAM_KINDS) {
  for (const part of CONTRACT) {
    const name = `${kind.name}: ${part.name}`;
    try {
      await runCase(kind, part);
      console.log(`${name} ... ok`);
    } catch (error) {
      failed++;
      console.log(`${name} ... FAILED`, error);
    }
  }
}
process.exitCode = failed > 0 ? 1 : 0;
