import { systemClock } from "../transport/base/clock.ts";
import {
  checkFields,
  numberOption,
  type OptionNames,
  refuseArgument,
} from "../transport/base/options.ts";
import { MAX_DURATION } from "../transport/base/rules.ts";
import type { Message } from "../transport/base/message.ts";
import { sleep } from "../transport/base/schedule.ts";
import { AssertionError } from "./assertion_error.ts";
import { type Expected, matches, show } from "./match.ts";

/** Options of {@link expectWrite} and {@link expectIncoming}. */
export interface ExpectOptions {
  /**
   * The maximum time to wait, in milliseconds of the runtime's own clock.
   *
   * @default {5000}
   */
  readonly timeout?: number;
}

const NAMES: OptionNames<ExpectOptions> = { timeout: true };
const TIMEOUT = {
  default: 5_000,
  min: 0,
  max: MAX_DURATION,
  unit: "ms",
} as const;

/** A source of items: `take` returns the next one, or `undefined` at the end. */
export interface Takes<T> {
  /** Waits for one item. Loses nothing if it is cancelled. */
  take(options?: { readonly signal?: AbortSignal }): Promise<T | undefined>;
}

/**
 * A source of items: a pool's `inbox`, `events` or `errors`, a `RecordingReader`, a `MockDialer`, a connection (its
 * `incoming`), or any async iterable, which is left as by `break`.
 */
export type IncomingSource<T> =
  | Takes<T>
  | { readonly incoming: Takes<T> }
  | AsyncIterable<T>;

/** A socket that records what is written, such as `MockSocket`. */
export interface WriteSource {
  /** Returns the next message that was written and not taken before. */
  takeWritten(
    options?: { readonly signal?: AbortSignal },
  ): Promise<Message | undefined>;
}

/**
 * Waits for the next message that is written to a mock socket, after those that were expected before, and checks it.
 *
 * @returns The message.
 * @throws {AssertionError} If it is another message, if none is written in time, or if the socket has ended.
 */
export function expectWrite(
  socket: WriteSource,
  message: Expected<Message>,
  options: ExpectOptions = {},
): Promise<Message> {
  if (typeof socket?.takeWritten !== "function") {
    throw refuseArgument("expect a write", "socket", "a MockSocket", socket);
  }
  return expectNext(
    (signal) => socket.takeWritten({ signal }),
    message,
    "write",
    options,
  );
}

/**
 * Waits for the next item of a source, takes it and checks it.
 *
 * @example
 * ```ts
 * import { expectIncoming, MockSocket, RecordingReader } from "@honeybee/honeybee/testing";
 *
 * const socket = new MockSocket();
 * const reader = new RecordingReader();
 * socket.start(reader);
 * socket.receive("hello");
 * await expectIncoming(reader, /^hel/);
 * ```
 *
 * @param expected A value, a pattern, a function, or, for an object, some of its fields.
 * @returns The item.
 * @throws {AssertionError} If it is another item, if none arrives in time, or if the source has ended.
 */
export function expectIncoming<T>(
  source: IncomingSource<T>,
  expected: Expected<T>,
  options: ExpectOptions = {},
): Promise<T> {
  return expectNext(
    (signal) => takeFrom(source, signal),
    expected,
    "item",
    options,
  );
}

async function expectNext<T>(
  take: (signal: AbortSignal) => Promise<T | undefined>,
  expected: Expected<T>,
  what: string,
  options: ExpectOptions,
): Promise<T> {
  checkFields("", NAMES, options);
  const timeout = numberOption("timeout", TIMEOUT, options.timeout);
  const late = new AbortController();
  const done = new AbortController();
  const deadline = sleep(systemClock, timeout, done.signal).then(
    () => late.abort(),
    () => {},
  );
  try {
    const item = await take(late.signal);
    if (item === undefined) {
      throw new AssertionError(
        `Expected the ${what} ${show(expected)}, but there is none to come`,
      );
    }
    check(item, expected, what);
    return item;
  } catch (cause) {
    if (!late.signal.aborted) throw cause;
    throw new AssertionError(
      `Expected the ${what} ${
        show(expected)
      }, but none came within ${timeout} ms`,
    );
  } finally {
    done.abort();
    await deadline;
  }
}

/** @throws {AssertionError} If the item is another one. */
function check(item: unknown, expected: unknown, what: string): void {
  let thrown = "";
  let options: ErrorOptions | undefined;
  try {
    if (matches(item, expected)) return;
  } catch (cause) {
    thrown = ` (${cause})`;
    options = { cause };
  }
  const shown = `${show(expected)}, but it is ${show(item)}${thrown}`;
  throw new AssertionError(`Expected the ${what} ${shown}`, options);
}

function takeFrom<T>(
  source: IncomingSource<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  if (typeof source !== "object" || source === null) {
    throw refuseArgument("expect an item", "source", "a source", source);
  }
  if ("incoming" in source) return source.incoming.take({ signal });
  if ("take" in source) return source.take({ signal });
  if (Symbol.asyncIterator in source) return takeByIterator(source, signal);
  throw refuseArgument("expect an item", "source", "a source", source);
}

async function takeByIterator<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  const iterator = source[Symbol.asyncIterator]();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const result = await Promise.race([iterator.next(), aborted.promise]);
    return result.done === true ? undefined : result.value;
  } finally {
    signal.removeEventListener("abort", onAbort);
    // A generator that hangs in next() never returns, so it is not awaited.
    Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
