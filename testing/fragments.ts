import type { Message } from "../transport/base/message.ts";
import type { Fragment } from "../transport/socket/socket.ts";

/** Puts the fragments of a message together (RFC 6455, section 5.4). */
export class Fragments {
  #payloads: Uint8Array[] = [];

  /** Adds a fragment. Gives the message when it was the last one. */
  add({ type, payload, first, last }: Fragment): Message | undefined {
    if (first) this.#payloads = [];
    this.#payloads.push(payload.slice());
    if (!last) return undefined;
    const whole = concat(this.#payloads);
    this.#payloads = [];
    return type === "binary"
      ? whole
      : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
        whole,
      );
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(
    parts.reduce((size, part) => size + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
