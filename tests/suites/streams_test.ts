/**
 * Tests of byte streams and listeners that take long, or need processes of their own or permissions that the unit tests
 * do not have: the long parts of the contract, all of it over Unix sockets, shortages of descriptors, floods, and dials.
 *
 * `deno task suite streams`
 *
 * @module
 */

import {
  abortEverywhere,
  OPENINGS,
} from "../../transport/net/_support/openings.ts";
import {
  CONTRACT,
  runCase,
} from "../../transport/net/_support/stream_contract.ts";
import { STREAM_KINDS } from "../../transport/net/_support/stream_kinds.ts";
import { PROCESS_CASES } from "./streams/cases.ts";
import { DIAL_CASES } from "./streams/dial_cases.ts";

for (const kind of STREAM_KINDS) {
  for (const part of CONTRACT) {
    if (!part.isLong && !kind.isUnix) continue;
    Deno.test(`${kind.name}: ${part.name}`, () => runCase(kind, part));
  }
}

for (const opening of OPENINGS) {
  if (opening.path === undefined) continue;
  Deno.test(`an opening that is aborted at any moment: ${opening.name}`, () =>
    abortEverywhere(opening));
}

for (const { name, run } of [...PROCESS_CASES, ...DIAL_CASES]) {
  Deno.test(name, run);
}
