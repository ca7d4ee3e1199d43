import { Buffer } from "node:buffer";
import { ConfigError } from "./errors.ts";

/**
 * A WebSocket message: a `string` is a text message, a `Uint8Array` a binary
 * one (RFC 6455, section 5.6).
 */
export type Message = string | Uint8Array;

/** Returns the length of a message's payload in bytes; of a text, that of its UTF-8. */
export function messageSize(message: Message): number {
  return typeof message === "string"
    ? Buffer.byteLength(message)
    : message.byteLength;
}

/** Whether the memory of bytes was transferred: their content is lost, and their length is 0. */
export function isDetached(bytes: Uint8Array): boolean {
  return bytes.byteLength === 0 &&
    Reflect.get(bytes.buffer, "detached") === true;
}

/**
 * Refuses what is not a message.
 *
 * @throws {ConfigError} `invalid-argument` when it is neither a string nor a `Uint8Array`, or its memory was transferred.
 */
export function checkMessage(message: unknown): asserts message is Message {
  if (typeof message === "string") return;
  if (!(message instanceof Uint8Array)) {
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
  if (isDetached(message)) {
    throw new ConfigError(
      "invalid-argument",
      "data",
      "Cannot send: the buffer of data was transferred, so its content is lost.",
    );
  }
}
