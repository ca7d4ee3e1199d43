/** What the tests use of `@std/assert`, on `node:assert`, for runtimes that cannot install it. */
import * as node from "node:assert";

export class AssertionError extends Error {}

export function assert(value, message) {
  node.ok(value, message);
}

export function assertEquals(actual, expected, message) {
  node.deepStrictEqual(actual, expected, message);
}

export function assertNotEquals(actual, expected, message) {
  node.notDeepStrictEqual(actual, expected, message);
}

export function assertStrictEquals(actual, expected, message) {
  node.strictEqual(actual, expected, message);
}

export function assertInstanceOf(value, type, message) {
  node.ok(value instanceof type, message ?? `${value} is no ${type.name}`);
}

export function assertMatch(text, pattern, message) {
  node.match(text, pattern, message);
}

export function assertStringIncludes(text, part) {
  node.ok(text.includes(part), `${text} does not contain ${part}`);
}

export function assertGreater(value, least) {
  node.ok(value > least, `${value} is not above ${least}`);
}

function check(error, type, part) {
  if (typeof type === "function") {
    assertInstanceOf(error, type, `${error?.stack} is no ${type.name}`);
  }
  if (typeof part === "string") assertStringIncludes(error.message, part);
  return error;
}

export function assertThrows(fn, type, part) {
  try {
    fn();
  } catch (error) {
    return check(error, type, part);
  }
  throw new node.AssertionError({ message: "It did not throw" });
}

export async function assertRejects(fn, type, part) {
  let promise;
  try {
    promise = fn();
  } catch (error) {
    throw new node.AssertionError({ message: `It threw at once: ${error}` });
  }
  try {
    await promise;
  } catch (error) {
    return check(error, type, part);
  }
  throw new node.AssertionError({ message: "It did not reject" });
}
