import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { resolveRetry } from "../connection/options.ts";
import { ConfigError, ConnectionError } from "./errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import {
  always,
  constant,
  DoNotRetryError,
  exponential,
  linear,
  maxAttempts,
  never,
  retry,
  RetryLimitError,
  type RetryPolicy,
} from "./retry.ts";
import { isRetryable } from "../client/retryable.ts";

function delays(policy: RetryPolicy, count: number): number[] {
  return Array.from({ length: count }, (_, i) => policy(i + 1));
}

Deno.test("Every policy gives the delays that it promises", () => {
  assertEquals(delays(exponential(100, 1_000), 6), [
    100,
    200,
    400,
    800,
    1_000,
    1_000,
  ]);
  assertEquals(delays(constant(7), 3), [7, 7, 7]);
  assertEquals(delays(linear(10, 25), 4), [10, 20, 25, 25]);
  assertEquals(delays(always(), 2), [0, 0]);
  assert(delays(never(), 1).every((delay) => delay < 0));
  assertEquals(delays(maxAttempts(2, constant(5)), 4), [5, 5, -1, -1]);
});

Deno.test("Jitter is applied after the cap, to either side", () => {
  const at = (random: number) =>
    exponential(100, 1_000, { jitter: 0.2, random: () => random });
  assertEquals(delays(at(0), 5).map(Math.round), [80, 160, 320, 640, 800]);
  assertEquals(delays(at(0.5), 5).map(Math.round), [100, 200, 400, 800, 1_000]);
  assertEquals(Math.round(at(0.999_999)(5)), 1_200);
});

Deno.test("A connection retries at once, then doubles from initialDelay up to maxDelay", () => {
  const clock = new FakeClock();
  clock.setRandom(() => 0.5);
  const retry = resolveRetry(undefined, clock);
  assertEquals(
    delays(retry, 9),
    [0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000],
  );
  const few = resolveRetry({ maxRetries: 1, initialDelay: 5 }, clock);
  assertEquals(delays(few, 2), [0, -1]);
  assertEquals(resolveRetry(false, clock)(1) < 0, true);
  assertEquals(resolveRetry(constant(3), clock)(1), 3);
});

Deno.test("retry runs until it succeeds, and tells of each failure", async () => {
  const clock = new FakeClock({ now: 0 });
  const told: unknown[] = [];
  const result = retry(
    (attempt) => {
      if (attempt < 3) throw new Error(`failure ${attempt}`);
      return `attempt ${attempt} at ${clock.now()}`;
    },
    linear(100),
    {
      clock,
      onRetry: ({ attempt, delay, error }) =>
        told.push([attempt, delay, error instanceof Error && error.message]),
    },
  );
  await clock.advance(1_000);
  assertEquals(await result, "attempt 3 at 300");
  assertEquals(told, [[1, 100, "failure 1"], [2, 200, "failure 2"]]);
});

Deno.test("retry gives up with the last failure as the cause", async () => {
  let count = 0;
  const error = await assertRejects(
    () =>
      retry(() => {
        throw new Error(`failure ${++count}`);
      }, maxAttempts(2, always())),
    RetryLimitError,
  );
  assertEquals(error.attempts, 3);
  assert(error.cause instanceof Error);
  assertEquals(error.cause.message, "failure 3");
});

Deno.test("retry stops at a DoNotRetryError, and at what is not retryable", async () => {
  let count = 0;
  const fail = (error: Error) => () => {
    count++;
    throw error;
  };
  await assertRejects(
    () => retry(fail(new DoNotRetryError("no")), always()),
    DoNotRetryError,
  );
  await assertRejects(
    () => retry(fail(new Error("no")), always(), { isRetryable: () => false }),
    Error,
    "no",
  );
  assertEquals(count, 2);
});

Deno.test("retry rejects with the signal's reason at once, also while it sleeps or the function hangs", async () => {
  const clock = new FakeClock();
  for (const hangs of [false, true]) {
    const controller = new AbortController();
    const result = retry(
      () =>
        hangs ? new Promise<never>(() => {}) : Promise.reject(new Error("no")),
      constant(60_000),
      { clock, signal: controller.signal },
    );
    await clock.advance(10);
    controller.abort(new Error("enough"));
    await assertRejects(() => result, Error, "enough");
    assertEquals(clock.pending, 0);
  }
});

Deno.test("Only what another try may mend is retried", () => {
  const refused = (status: number) =>
    new HandshakeError("refused", "no", { status });
  const table: [error: unknown, retryable: boolean][] = [
    [new Error("Connection refused"), true],
    [
      new ConnectionError("dial-failed", "no", { cause: new Error("reset") }),
      true,
    ],
    [new HandshakeError("timeout", "late"), true],
    ...[400, 401, 403, 404, 426].map((
      status,
    ): [unknown, boolean] => [refused(status), false]),
    ...[408, 425, 429, 500, 502, 503].map((
      status,
    ): [unknown, boolean] => [refused(status), true]),
    [new HandshakeError("redirected", "elsewhere", { status: 302 }), false],
    [new ConfigError("invalid-url", "url", "no"), false],
    [
      new ConnectionError("dial-failed", "no", {
        cause: new Error("invalid peer certificate: UnknownIssuer"),
      }),
      false,
    ],
    [
      Object.assign(new Error("no"), { code: "ERR_TLS_CERT_ALTNAME_INVALID" }),
      false,
    ],
  ];
  for (const [error, retryable] of table) {
    assertEquals(isRetryable(error), retryable, String(error));
  }
});

Deno.test("A policy is not made of what is no number from 0 up", () => {
  for (const wrong of [NaN, -1, "5", null]) {
    const number = wrong as number;
    for (
      const make of [
        () => exponential(number, 1),
        () => exponential(1, number),
        () => exponential(1, 1, { jitter: number }),
        () => constant(number),
        () => linear(number),
        () => linear(1, number),
        () => maxAttempts(number, always()),
      ]
    ) {
      const error = assertThrows(make, ConfigError, "Cannot make");
      assertEquals(error.code, "invalid-argument");
    }
  }
  assertThrows(() => exponential(1, 1, { jitter: 1.1 }), ConfigError, "jitter");
  // @ts-expect-error: what JavaScript may do.
  assertThrows(() => maxAttempts(1, 3), ConfigError, "policy");
  assertEquals(exponential(3, Infinity)(2), 6);
});

Deno.test("retry refuses arguments that it cannot use before it runs anything", async () => {
  let runs = 0;
  const fn = () => void runs++;
  const wrong: readonly (readonly [string, unknown, unknown, unknown])[] = [
    ["fn", 3, never(), {}],
    ["policy", fn, 3, {}],
    ["options", fn, never(), null],
    ["signal", fn, never(), { signal: 1 }],
    ["onRetry", fn, never(), { onRetry: 1 }],
  ];
  for (const [field, ...args] of wrong) {
    const error = await assertRejects(
      () => Reflect.apply(retry, undefined, args),
      ConfigError,
    );
    assertEquals(error.field, field);
  }
  assertEquals(runs, 0);
});
