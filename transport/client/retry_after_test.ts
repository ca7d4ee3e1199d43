import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { ConnectionError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import {
  MAX_RETRY_AFTER,
  MIN_RETRY_DELAY,
  minRetryDelay,
  retryAfter,
} from "./retry_after.ts";

/** 1994-11-06 08:49:00 UTC. */
const NOW = Date.UTC(1994, 10, 6, 8, 49, 0);

function refused(status: number, headers?: Record<string, string>): Error {
  return new HandshakeError("refused", "no", {
    status,
    ...(headers && { headers: new Headers(headers) }),
  });
}

function asked(value: string, headers: Record<string, string> = {}) {
  return retryAfter(refused(503, { "retry-after": value, ...headers }), NOW);
}

Deno.test("Retry-After is read in seconds", () => {
  assertEquals(asked("60"), 60_000);
  assertEquals(asked(" 7 "), 7_000);
  assertEquals(
    retryAfter(refused(429, { "retry-after": "2" }), NOW),
    2_000,
  );
});

Deno.test("Retry-After is read as a date in all three forms of HTTP", () => {
  for (
    const date of [
      "Sun, 06 Nov 1994 08:49:37 GMT",
      "Sunday, 06-Nov-94 08:49:37 GMT",
      "Sun Nov  6 08:49:37 1994",
    ]
  ) assertEquals(asked(date), 37_000, date);
});

Deno.test("A date is compared with the Date of the same response", () => {
  const date = "Sun, 06 Nov 1994 10:00:00 GMT";
  assertEquals(
    asked("Sun, 06 Nov 1994 10:00:30 GMT", { date }),
    30_000,
  );
  assertEquals(
    asked("Sun, 06 Nov 1994 08:49:30 GMT", { date: "nonsense" }),
    30_000,
  );
});

Deno.test("A year of two digits is at most 50 years ahead", () => {
  const now = Date.UTC(2026, 0, 1);
  const at = (value: string) =>
    retryAfter(refused(503, { "retry-after": value }), now);
  assertEquals(at("Thursday, 01-Jan-26 00:00:10 GMT"), 10_000);
  // 1977, not 2077.
  assertEquals(at("Saturday, 01-Jan-77 00:00:10 GMT"), 1_000);
});

Deno.test("A value that cannot be read, is past, or is 0 becomes one second; one that is too long is limited", () => {
  for (
    const value of [
      "",
      "0",
      "-5",
      "1e9",
      "soon",
      "Sun, 06 Nov 1994 08:48:37 GMT",
      "Sun, 06 Xxx 1994 08:49:37 GMT",
      "Sun, 06 anF 1994 08:49:37 GMT",
    ]
  ) assertEquals(asked(value), 1_000, value);
  assertEquals(retryAfter(refused(503), NOW), 1_000);
  for (
    const value of [
      "86400",
      "9".repeat(400),
      "Sun, 06 Nov 2094 08:49:37 GMT",
    ]
  ) assertEquals(asked(value), MAX_RETRY_AFTER, value);
});

Deno.test("Only a 429 and a 503 ask to wait, wherever they stand in the chain of causes", () => {
  const headers = { "retry-after": "60" };
  for (const status of [401, 408, 500, 502]) {
    assertEquals(retryAfter(refused(status, headers), NOW), undefined);
  }
  for (const error of [new Error("reset"), undefined, "text"]) {
    assertEquals(retryAfter(error, NOW), undefined);
  }
  const outer = new ConnectionError("dial-failed", "no", {
    cause: refused(429, headers),
  });
  assertEquals(retryAfter(outer, NOW), 60_000);
  const loop = new Error("loop");
  loop.cause = loop;
  assertEquals(retryAfter(loop, NOW), undefined);
});

Deno.test("The shortest delay is what the server asks for and up to a tenth more", () => {
  const clock = new FakeClock();
  const delay = minRetryDelay(clock);
  const error = refused(503, { "retry-after": "60" });
  clock.setRandom(() => 0);
  assertEquals([1, 2].map((attempt) => delay(attempt, error)), [
    60_000,
    60_000,
  ]);
  clock.setRandom(() => 0.999);
  assert(delay(1, error) > 65_000 && delay(1, error) < 66_000);
  const other = new Error("reset");
  assertEquals([1, 2, 50].map((attempt) => delay(attempt, other)), [
    0,
    MIN_RETRY_DELAY,
    MIN_RETRY_DELAY,
  ]);
});
