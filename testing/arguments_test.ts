import { assertRejects, assertThrows } from "@std/assert";
import { ConfigError } from "../transport/base/errors.ts";
import {
  assertLogSequence,
  eventually,
  expectIncoming,
  expectWrite,
  FakeClock,
  FaultProxy,
  findLogRecord,
  MockDialer,
  MockSocket,
  never,
} from "./mod.ts";

/** What is given where the types would not let it be. */
function wrong(value: unknown): never {
  return value as never;
}

const calls: Record<string, () => unknown> = {
  "eventually without a function": () => eventually(wrong(true)),
  "never without a function": () => never(wrong(undefined)),
  "eventually with a number for options": () =>
    eventually(() => true, wrong(5)),
  "expectWrite of nothing": () => expectWrite(wrong(undefined), "hello"),
  "expectWrite of what is no socket": () => expectWrite(wrong({}), "hello"),
  "expectIncoming of nothing": () => expectIncoming(wrong(null), "hello"),
  "expectIncoming of what is no source": () => expectIncoming(wrong({}), "x"),
  "findLogRecord of nothing": () => findLogRecord(wrong(undefined), "x"),
  "assertLogSequence of what is no log": () => assertLogSequence(wrong({}), []),
  "MockSocket(null)": () => new MockSocket(wrong(null)),
  "MockDialer of one step": () => new MockDialer(wrong(() => {})),
  "MockDialer with null for options": () => new MockDialer([], wrong(null)),
  "FakeClock(1000)": () => new FakeClock(wrong(1_000)),
  "FaultProxy without a target": () => FaultProxy.listen(wrong(undefined)),
  "FaultProxy to a URL": () => FaultProxy.listen(wrong("ws://127.0.0.1:80")),
};

for (const [name, call] of Object.entries(calls)) {
  Deno.test(`a clear error: ${name}`, async () => {
    await assertRejects(async () => await call(), ConfigError, "must be");
  });
}

Deno.test("a clear error is thrown where nothing is awaited", () => {
  assertThrows(() => new MockSocket(wrong(null)), ConfigError);
});
