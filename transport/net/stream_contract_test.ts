import { CONTRACT, runCase } from "./_support/stream_contract.ts";
import { STREAM_KINDS } from "./_support/stream_kinds.ts";
import { TAKEOVER_CASES } from "./_support/takeovers.ts";

// The long parts and Unix sockets are in tests/suites/streams_test.ts.
for (const kind of STREAM_KINDS) {
  for (const part of CONTRACT) {
    if (part.isLong || kind.isUnix) continue;
    Deno.test(`${kind.name}: ${part.name}`, () => runCase(kind, part));
  }
}

for (const { name, run } of TAKEOVER_CASES) Deno.test(name, run);
