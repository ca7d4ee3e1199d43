import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { resolveRetry } from "./retry_policy.ts";
import { ConfigError, ConnectionError } from "./errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import {
  DoNotRetryError,
  retry,
  type RetryInfo,
  RetryLimitError,
} from "./retry.ts";
import {
  always,
  constant,
  exponential,
  linear,
  maxAttempts,
  never,
  type RetryPolicy,
} from "./retry_policy.ts";
import { isRetryable } from "../client/retryable.ts";

function delays(policy: RetryPolicy, count: number): number[] {
  return Array.from({ length: count }, (_, i) => policy(i + 1));
}

Deno.test("Every policy gives the delays that it promises", () => {
  assertEquals(delays(exponential(100, 1_000, { jitter: 0 }), 6), [
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
  assertEquals(delays(maxAttempts(3, constant(5)), 4), [5, 5, -1, -1]);
});

Deno.test("Delays have full jitter after the cap, unless it is switched off", () => {
  const at = (random: number, jitter?: number) =>
    exponential(100, 1_000, {
      random: () => random,
      ...(jitter !== undefined && { jitter }),
    });
  assertEquals(delays(at(0), 5), [100, 200, 400, 800, 1_000]);
  assertEquals(delays(at(0.5), 5), [50, 100, 200, 400, 500]);
  assertEquals(Math.round(at(0.999_999)(5)), 0);
  assertEquals(delays(at(0.5, 0.2), 5).map(Math.round), [
    90,
    180,
    360,
    720,
    900,
  ]);
  assertEquals(delays(at(0.5, 0), 2), [100, 200]);
});

Deno.test("No number of attempts leads to a delay that is not a number", () => {
  for (const attempt of [1, 1_023, 1_025, 1_026, 100_000, Infinity]) {
    assertEquals(exponential(0, 60_000)(attempt), 0);
    const delay = exponential(1, 60_000, { jitter: 0 })(attempt);
    assertEquals(delay >= 0 && delay <= 60_000, true, `${attempt}: ${delay}`);
  }
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

Deno.test("retry runs until it succeeds, and reports each failure", async () => {
  const clock = new FakeClock({ now: 0 });
  const reports: unknown[] = [];
  const result = retry(
    (attempt) => {
      if (attempt < 3) throw new Error(`failure ${attempt}`);
      return `attempt ${attempt} at ${clock.now()}`;
    },
    linear(100),
    {
      clock,
      onRetry: ({ attempt, delay, error }) =>
        reports.push([attempt, delay, error instanceof Error && error.message]),
    },
  );
  await clock.advance(1_000);
  assertEquals(await result, "attempt 3 at 300");
  assertEquals(reports, [[1, 100, "failure 1"], [2, 200, "failure 2"]]);
});

Deno.test("retry gives up with the last failure as the cause", async () => {
  let count = 0;
  const error = await assertRejects(
    () =>
      retry(() => {
        throw new Error(`failure ${++count}`);
      }, maxAttempts(3, always())),
    RetryLimitError,
  );
  assertEquals(error.attempts, 3);
  assert(error.cause instanceof Error);
  assertEquals(error.cause.message, "failure 3");
});

Deno.test("retry stops at a DoNotRetryError, and at an error that is not retryable", async () => {
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

Deno.test("retry stops at a DoNotRetryError anywhere in the chain of causes", async () => {
  const chain = new Error("outer", {
    cause: new Error("middle", { cause: new DoNotRetryError("no") }),
  });
  const loop = new Error("loop");
  loop.cause = loop;
  let count = 0;
  const fail = (error: Error) => () => {
    count++;
    throw error;
  };
  await assertRejects(() => retry(fail(chain), always()), Error, "outer");
  assertEquals(count, 1);
  await assertRejects(
    () => retry(fail(loop), maxAttempts(2, always())),
    RetryLimitError,
  );
  assertEquals(count, 3);
});

Deno.test("retry gives the policy the failure", async () => {
  const seen: unknown[] = [];
  await assertRejects(
    () =>
      retry(() => {
        throw new Error("busy");
      }, (attempt, error) => {
        seen.push([attempt, error instanceof Error && error.message]);
        return attempt < 3 ? 0 : -1;
      }),
    RetryLimitError,
  );
  assertEquals(seen, [[1, "busy"], [2, "busy"], [3, "busy"]]);
});

Deno.test("retry reports a policy that fails and goes on with the default one", async () => {
  const wrong: readonly (() => unknown)[] = [
    () => NaN,
    () => Infinity,
    () => undefined,
    () => "5",
    () => Promise.resolve(5),
    () => Promise.reject(new Error("rejected")),
    () => {
      throw new Error("thrown");
    },
  ];
  for (const policy of wrong) {
    const clock = new FakeClock();
    const errors: Error[] = [];
    let attempts = 0;
    const result = Reflect.apply(retry, undefined, [
      () => {
        if (++attempts === 1) throw new Error("no");
        return "done";
      },
      policy,
      { clock, onError: (error: Error) => errors.push(error) },
    ]);
    await clock.advance(60_000);
    assertEquals(await result, "done");
    assertEquals(errors.length >= 1, true, String(policy));
  }
});

Deno.test("retry survives callbacks that throw, and waits minDelay from the second retry on", async () => {
  const clock = new FakeClock({ now: 0 });
  const errors: string[] = [];
  const infos: RetryInfo[] = [];
  const result = retry(
    (attempt) => {
      if (attempt < 4) throw new Error("no");
      return clock.now();
    },
    always(),
    {
      clock,
      minDelay: 100,
      onRetry: (info) => {
        infos.push(info);
        throw new Error("onRetry threw");
      },
      isRetryable: () => {
        throw new Error("isRetryable threw");
      },
      onError: ({ message }) => void errors.push(message),
    },
  );
  await clock.advance(1_000);
  assertEquals(await result, 200);
  assertEquals(infos.map(({ delay }) => delay), [0, 100, 100]);
  assertEquals(errors.slice(0, 2), ["isRetryable threw", "onRetry threw"]);
});

Deno.test("retry asks a function for the shortest delay after each failure", async () => {
  const clock = new FakeClock({ now: 0 });
  const result = retry(
    (attempt) => {
      if (attempt < 4) throw new Error(`failure ${attempt}`);
      return clock.now();
    },
    constant(5),
    {
      clock,
      minDelay: (attempt, error) =>
        error instanceof Error && error.message === "failure 2"
          ? 1_000
          : attempt,
    },
  );
  await clock.advance(2_000);
  assertEquals(await result, 5 + 1_000 + 5);
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

Deno.test("A policy refuses arguments that are not numbers from 0 up", () => {
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
  assertThrows(() => maxAttempts(0, constant(1)), ConfigError, "from 1");
  for (
    const make of [
      () => constant(Infinity),
      () => linear(Infinity),
      () => exponential(Infinity, Infinity),
    ]
  ) assertThrows(make, ConfigError, "a finite number from 0");
  assertEquals(exponential(3, Infinity, { jitter: 0 })(2), 6);
});

Deno.test("retry refuses arguments that it cannot use before it runs anything", async () => {
  let runs = 0;
  const fn = () => void runs++;
  const wrong: readonly (readonly [string, unknown, unknown, unknown])[] = [
    ["fn", 3, never(), {}],
    ["policy", fn, 3, {}],
    ["options", fn, never(), null],
    ["signal", fn, never(), { signal: 1 }],
    ["clock", fn, never(), { clock: {} }],
    ["onRetry", fn, never(), { onRetry: 1 }],
    // It would make the delays NaN, and a loop without a pause of them.
    ["minDelay", fn, always(), { minDelay: NaN }],
    ["minDelay", fn, always(), { minDelay: "100" }],
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
