import { Buffer } from "node:buffer";
import { isUint8Array } from "node:util/types";
import { ConfigError } from "./errors.ts";

/**
 * A WebSocket message: a `string` is a text message, a `Uint8Array` a binary
 * one (RFC 6455, section 5.6).
 *
 * Messages that are received are a `Message<ArrayBuffer>`: their memory is never shared, so that they can be given to
 * `crypto.subtle`, `Blob`, `Response` and `fetch`.
 */
export type Message<B extends ArrayBufferLike = ArrayBufferLike> =
  | string
  | Uint8Array<B>;

/** Whether a value is a `Uint8Array`, also of another realm (node:vm, jsdom), which `instanceof` does not know. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || isUint8Array(value);
}

/** Returns the length of a message's payload in bytes; of a text, that of its UTF-8. */
export function messageSize(message: Message): number {
  return typeof message === "string"
    ? Buffer.byteLength(message)
    : message.byteLength;
}

/**
 * Returns a view of the same bytes whose methods are those of `Uint8Array`. A subclass may have others: `slice` of a
 * `Buffer` does not copy, and `subarray` calls the constructor of the subclass, which may have other parameters.
 */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array
    ? bytes
    : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Whether the memory of a typed array was transferred, or resized so that the array is outside of it: its content is
 * lost, and its length is 0.
 */
export function isLost(array: ArrayBufferView): boolean {
  if (array.byteLength > 0) return false;
  try {
    // Only a typed array that has its memory can be read.
    Reflect.apply(Uint8Array.prototype.at, array, [0]);
    return false;
  } catch {
    return true;
  }
}

/**
 * Refuses what is not a message.
 *
 * @throws {ConfigError} `invalid-argument` when it is neither a string nor a `Uint8Array`, or its memory was
 * transferred or resized so that it is outside.
 */
export function checkMessage(message: unknown): asserts message is Message {
  if (typeof message === "string") return;
  if (!isBytes(message)) {
    const got = message === null
      ? "null"
      : typeof message === "object"
      ? message.constructor?.name ?? "object"
      : typeof message;
    throw new ConfigError(
      "invalid-argument",
      "data",
      `Cannot send: data must be a string or a Uint8Array, and is of type ${got}.`,
    );
  }
  if (isLost(message)) {
    throw new ConfigError(
      "invalid-argument",
      "data",
      "Cannot send: the buffer of data was transferred or resized, so its content is lost.",
    );
  }
}
