import { isAnyArrayBuffer, isTypedArray } from "node:util/types";
import { isLost, type Message } from "../transport/base/message.ts";

/** What `send` takes, without what is not a string, bytes or a `Blob`. The bytes are the caller's. */
export type Payload = Message | Blob;

/** The type in which binary messages are delivered. */
export type BinaryType = "blob" | "arraybuffer";

/**
 * A value as a text, as Web IDL converts it.
 *
 * @throws {TypeError} For a symbol, which `String` would describe.
 */
export function toText(value: unknown): string {
  return `${value}`;
}

/**
 * What `send` was given: bytes as they are, and whatever has none as its text.
 *
 * @throws {TypeError} If the memory of the bytes was transferred, or resized so that they are outside. For a symbol.
 */
export function toPayload(data: unknown): Payload {
  if (data instanceof Blob) return data;
  if (ArrayBuffer.isView(data)) {
    const { buffer, byteOffset, byteLength } = data;
    if (byteLength === 0 && isTypedArray(data) && isLost(data)) {
      throw new TypeError(
        "Cannot send: the buffer of data was transferred or resized, so its content is lost.",
      );
    }
    return new Uint8Array(buffer, byteOffset, byteLength);
  }
  // Not `instanceof`, which does not know the buffers of another realm (node:vm).
  return isAnyArrayBuffer(data) ? new Uint8Array(data) : toText(data);
}

/** What a message event hands over as `data`. */
export function fromMessage(
  message: Message,
  binaryType: BinaryType,
): string | ArrayBuffer | Blob {
  if (typeof message === "string") return message;
  const { buffer, byteLength } = message;
  const own = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength
    ? buffer
    // Another dialer's socket may hand over a view of a larger buffer.
    : new Uint8Array(message).buffer;
  return binaryType === "blob" ? new Blob([own]) : own;
}
