/** What the tests of the protocol core share: bytes made by hand, and three ways to feed them. */

import { Buffer } from "node:buffer";
import { assertEquals } from "@std/assert";
import { ProtocolError } from "../protocol/wire/errors.ts";
import type { FrameHeader, Role } from "../protocol/wire/frame.ts";
import {
  Receiver,
  type ReceiverOptions,
} from "../protocol/receive/receiver.ts";

/** Bytes written as hexadecimal digits, with spaces as one likes. */
export function hex(digits: string): Uint8Array<ArrayBuffer> {
  const clean = digits.replaceAll(/\s/g, "");
  const bytes = new Uint8Array(clean.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Number.parseInt(clean.slice(2 * i, 2 * i + 2), 16);
  }
  return bytes;
}

/** Bytes as hexadecimal digits, without spaces. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    .toString("hex");
}

/** UTF-8. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** One after the other. */
export function join(
  ...parts: readonly Uint8Array[]
): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(
    parts.reduce((sum, part) => sum + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A repeatable source of chance (mulberry32): integers below `limit`. */
export function chance(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** The key of the masked examples of RFC 6455, section 5.7. */
export const KEY: readonly number[] = [0x37, 0xfa, 0x21, 0x3d];

/**
 * A frame, put together byte by byte as RFC 6455, section 5.2 draws it, by other means
 * than the code under test.
 *
 * @param from The sender: a client masks.
 * @param first The first byte: FIN, RSV and opcode.
 */
export function frame(
  from: Role,
  first: number,
  payload: Uint8Array | string = "",
): Uint8Array<ArrayBuffer> {
  const body = typeof payload === "string" ? utf8(payload) : payload;
  const size = body.length;
  const bit = from === "client" ? 0x80 : 0;
  const head = size < 126
    ? [first, bit | size]
    : size < 0x1_0000
    ? [first, bit | 126, size >> 8, size & 0xff]
    : [
      first,
      bit | 127,
      ...[0, 0, 0, 0],
      size >>> 24,
      size >>> 16 & 0xff,
      size >>> 8 & 0xff,
      size & 0xff,
    ];
  if (from === "server") return join(Uint8Array.from(head), body);
  const masked = body.map((byte, i) => byte ^ (KEY[i % 4] ?? 0));
  return join(Uint8Array.from([...head, ...KEY]), masked);
}

/** The other role. */
export function peerOf(role: Role): Role {
  return role === "client" ? "server" : "client";
}

/** What a receiver handed on, in order, in a form that can be compared. */
export type Event =
  | readonly ["text", string]
  | readonly ["binary", string]
  | readonly ["ping" | "pong", string]
  | readonly ["close", number, string]
  | readonly ["error", string, number, number | undefined];

/** The options of a receiver without limits. */
export const NO_LIMITS: Omit<ReceiverOptions, "role"> = {
  maxMessageSize: 0,
  maxFrameSize: 0,
  maxFragments: 0,
  binary: "view",
};

/** How bytes are fed. */
export interface Feeding {
  /** The sizes of the pieces; the last one takes the rest. */
  readonly sizes: () => number;
  /** Whether the handler says stop after each message. */
  readonly stops: boolean;
  /** Whether large frames are read straight to their place. */
  readonly direct: boolean;
  /** Whether its frames are watched: a receiver takes another way then. */
  readonly watched?: boolean;
}

/** Feeds bytes to a new receiver and gives what came of it. */
export function feed(
  bytes: Uint8Array,
  options: ReceiverOptions,
  feeding: Feeding,
  frames: FrameHeader[] = [],
): Event[] {
  const { watched = false } = feeding;
  const events: Event[] = [];
  const delivered: [Uint8Array, string][] = [];
  const receiver = new Receiver({
    message(data) {
      if (typeof data === "string") {
        events.push(["text", data]);
      } else {
        const digits = toHex(data);
        events.push(["binary", digits]);
        if (options.binary !== "borrow") delivered.push([data, digits]);
      }
      return !feeding.stops;
    },
    ping: (payload) => void events.push(["ping", toHex(payload)]),
    pong: (payload) => void events.push(["pong", toHex(payload)]),
    close: (code, reason) => void events.push(["close", code, reason]),
    ...(watched && { frame: (header) => void frames.push(header) }),
  }, options);
  // One buffer for all reads: what is delivered must not depend on it, except for views, whose memory is never written again.
  const shared = new Uint8Array(Math.max(bytes.length, 1));
  let at = 0;
  try {
    while (at < bytes.length) {
      const target = feeding.direct ? receiver.target() : undefined;
      if (target !== undefined) {
        const size = Math.min(
          target.length,
          feeding.sizes(),
          bytes.length - at,
        );
        target.set(bytes.subarray(at, at + size));
        receiver.filled(size);
        at += size;
        continue;
      }
      const size = Math.min(feeding.sizes(), bytes.length - at);
      const buffer = options.binary === "view"
        ? bytes.slice(at, at + size)
        : shared;
      buffer.set(bytes.subarray(at, at + size));
      at += size;
      let from = 0;
      while (from < size) {
        const consumed = receiver.push(buffer.subarray(from, size));
        from += consumed;
        if (receiver.state === "closed") break;
        if (from < size && !feeding.stops) {
          throw new Error(`push stopped at ${from} of ${size} unasked`);
        }
      }
      if (options.binary !== "view") buffer.fill(0xee, 0, size);
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    events.push(["error", error.code, error.closeCode, error.offset]);
    assertEquals(receiver.state, "failed");
  }
  for (const [data, digits] of delivered) assertEquals(toHex(data), digits);
  return events;
}

/** Feeds bytes whole, byte by byte and split at random, and wants the same of all. */
export function feedAll(
  bytes: Uint8Array,
  options: () => ReceiverOptions,
  seed: number,
): Event[] {
  const next = chance(seed);
  const whole = () => Math.max(bytes.length, 1);
  const small = () => 1 + next(9);
  const mixed = () => 1 + next(next(3) === 0 ? 70_000 : 300);
  const expected = feed(bytes, options(), {
    sizes: whole,
    stops: false,
    direct: false,
  });
  const feedings: [string, Feeding][] = [
    ["whole, with stops", { sizes: whole, stops: true, direct: false }],
    ["split at random", { sizes: small, stops: false, direct: false }],
    ["split at random, with stops", {
      sizes: mixed,
      stops: true,
      direct: true,
    }],
    ["split coarsely, direct", { sizes: mixed, stops: false, direct: true }],
    ["whole, watched", {
      sizes: whole,
      stops: false,
      direct: false,
      watched: true,
    }],
    ["split at random, watched", {
      sizes: mixed,
      stops: true,
      direct: true,
      watched: true,
    }],
  ];
  if (bytes.length < 20_000) {
    feedings.push(
      ["byte by byte", { sizes: () => 1, stops: false, direct: false }],
      ["byte by byte, with stops", {
        sizes: () => 1,
        stops: true,
        direct: true,
      }],
    );
  }
  for (const [name, feeding] of feedings) {
    const got = feed(bytes, options(), feeding);
    // The huge ones are compared without printing them.
    if (JSON.stringify(got) !== JSON.stringify(expected)) {
      assertEquals(
        got.map(shorten),
        expected.map(shorten),
        `${name}, seed ${seed}`,
      );
    }
  }
  return expected;
}

function shorten(event: Event): string {
  return JSON.stringify(event).slice(0, 300);
}
