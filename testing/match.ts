import { isBytes, type Message } from "../transport/base/message.ts";
import { builtin } from "../transport/base/runtime.ts";

/**
 * What a value is compared with:
 *
 * - an equal value: bytes by their content, other values deeply;
 * - a `RegExp`, for a string;
 * - a function that returns whether the value is right, for example that of {@linkcode json};
 * - an object with some of the value's fields, each of them one of these again.
 */
export type Expected<T> =
  | T
  | RegExp
  | ((value: T) => boolean)
  | (T extends string | number | boolean | Uint8Array ? never
    : T extends object ? { readonly [K in keyof T]?: Expected<T[K]> }
    : never);

/**
 * Returns a function that compares a text message, which contains JSON, with `expected`; an object with some of its
 * fields, as in {@linkcode Expected}.
 *
 * @example
 * ```ts
 * import { expectWrite, json, MockSocket } from "@honeybee/honeybee/testing";
 *
 * const socket = new MockSocket();
 * socket.write(JSON.stringify({ type: "join", room: "a", at: Date.now() }));
 * await expectWrite(socket, json({ type: "join", room: "a" }));
 * ```
 */
export function json(expected: unknown): (message: Message) => boolean {
  const compare = (message: Message) =>
    typeof message === "string" && matches(JSON.parse(message), expected);
  const value = `json(${show(expected)})`;
  return Object.defineProperties(compare, {
    name: { value },
    toString: { value: () => value },
  });
}

/** Whether a value is as expected. */
export function matches(actual: unknown, expected: unknown): boolean {
  if (expected instanceof RegExp && typeof actual === "string") {
    // Unlike test(), search() does not remember where it was.
    return actual.search(expected) >= 0;
  }
  if (typeof expected === "function" && actual !== expected) {
    return Reflect.apply(expected, undefined, [actual]) === true;
  }
  if (isBytes(expected) && isBytes(actual)) {
    return sameBytes(actual, expected);
  }
  if (isPlain(expected) && typeof actual === "object" && actual !== null) {
    return Object.entries(expected).every(([key, value]) =>
      matches(Reflect.get(actual, key), value)
    );
  }
  return builtin("node:util").isDeepStrictEqual(actual, expected);
}

/** Whether two arrays hold the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

const LONGEST = 400;

/** A value, written as in the message of an {@link AssertionError}. */
export function show(value: unknown): string {
  const text = describe(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  // The source says what was expected.
  if (typeof value === "function") return value.toString();
  const options = { depth: 3, breakLength: Infinity, maxArrayLength: 32 };
  return builtin("node:util").inspect(value, options);
}

function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
