import type { Clock } from "../base/clock.ts";
import { HandshakeError } from "../handshake/errors.ts";

/** The maximum `Retry-After` that is respected, in milliseconds: one hour. */
export const MAX_RETRY_AFTER = 3_600_000;

/** Milliseconds before the next attempt after a 429 or 503 that has no usable `Retry-After`. */
const BUSY_DELAY = 1_000;

/** The minimum time between failing dials from the second retry on, in milliseconds. */
export const MIN_RETRY_DELAY = 100;

/** The random part that is added to the delay that a server asks for, so that its clients do not all return at once. */
const SPREAD = 0.1;

/** Statuses that ask the client to come back later (RFC 6585, section 4; RFC 9110, section 15.6.4). */
const BUSY = [429, 503];

/** `IMF-fixdate` and the two obsolete forms that have to be understood (RFC 9110, section 5.6.7). */
const DATES: readonly RegExp[] = [
  /^\w{3}, (?<day>\d\d) (?<month>\w{3}) (?<year>\d{4}) (?<time>\d\d:\d\d:\d\d) GMT$/,
  /^\w{6,9}, (?<day>\d\d)-(?<month>\w{3})-(?<year>\d\d) (?<time>\d\d:\d\d:\d\d) GMT$/,
  /^\w{3} (?<month>\w{3}) (?<day>[\d ]\d) (?<time>\d\d:\d\d:\d\d) (?<year>\d{4})$/,
];
const MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";

/**
 * Returns how long a failed handshake asks the client to wait, in milliseconds.
 *
 * Only a 429 and a 503 ask for that. Their `Retry-After` may be in seconds or a date; a date is compared with the
 * `Date` of the same response if it has one, so that a wrong clock on either side does not matter. The result is at
 * most {@link MAX_RETRY_AFTER}, and one second if the header is missing or cannot be read.
 *
 * @param error What a dial failed with. The chain of its causes is searched.
 * @param now The time of day, in epoch milliseconds.
 * @returns `undefined` for any other failure.
 */
export function retryAfter(error: unknown, now: number): number | undefined {
  const refusal = busy(error);
  if (refusal === undefined) return undefined;
  const value = refusal.headers?.get("retry-after")?.trim() ?? "";
  const sentAt = parseDate(refusal.headers?.get("date") ?? "", now) ?? now;
  const delay = /^\d+$/.test(value)
    ? Number(value) * 1_000
    : (parseDate(value, now) ?? sentAt) - sentAt;
  return Math.min(Math.max(delay, BUSY_DELAY), MAX_RETRY_AFTER);
}

/**
 * Returns the shortest delay before the next dial, whatever the retry policy says: what a 429 or 503 asks for
 * and up to a tenth more, else 0 before the first retry and {@link MIN_RETRY_DELAY} before the others.
 */
export function minRetryDelay(
  clock: Clock,
): (attempt: number, error: unknown) => number {
  return (attempt, error) => {
    const asked = retryAfter(error, clock.date());
    if (asked !== undefined) return asked * (1 + SPREAD * clock.random());
    return attempt === 1 ? 0 : MIN_RETRY_DELAY;
  };
}

function busy(error: unknown): HandshakeError | undefined {
  const seen = new Set<unknown>();
  for (
    let cause = error;
    cause instanceof Error && !seen.has(cause);
    cause = cause.cause
  ) {
    seen.add(cause);
    if (
      cause instanceof HandshakeError && cause.status !== undefined &&
      BUSY.includes(cause.status)
    ) return cause;
  }
  return undefined;
}

/** Reads an HTTP date. Not with `Date.parse`, which takes the third form for local time. */
function parseDate(text: string, now: number): number | undefined {
  for (const form of DATES) {
    const { day = "", month = "", year = "", time = "" } =
      form.exec(text.trim())?.groups ?? {};
    const place = MONTHS.indexOf(month) / 3;
    if (day === "" || !Number.isInteger(place) || place < 0) continue;
    const [hours = 0, minutes = 0, seconds = 0] = time.split(":").map(Number);
    const date = Date.UTC(
      fullYear(Number(year), now),
      place,
      Number(day),
      hours,
      minutes,
      seconds,
    );
    return Number.isNaN(date) ? undefined : date;
  }
  return undefined;
}

/** A year of two digits is never more than 50 years ahead (RFC 9110, section 5.6.7). */
function fullYear(year: number, now: number): number {
  if (year >= 100) return year;
  const present = new Date(now).getUTCFullYear();
  const candidate = present - present % 100 + year;
  return candidate > present + 50 ? candidate - 100 : candidate;
}
