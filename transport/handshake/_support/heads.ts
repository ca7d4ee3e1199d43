/** What the tests of heads share: heads read in pieces of several sizes. */

import { assertEquals, assertThrows } from "@std/assert";
import { chance, toHex } from "../../_support/bytes.ts";
import { HandshakeError } from "../errors.ts";
import { parseRequestHead, parseResponseHead } from "../head.ts";
import { type HeadKind, HeadReader } from "../head_reader.ts";

const SEED = Number(new Date()) >>> 0;

/** The request of RFC 6455, section 1.2. */
export const EXAMPLE = "GET /chat HTTP/1.1\r\n" +
  "Host: server.example.com\r\n" +
  "Upgrade: websocket\r\n" +
  "Connection: Upgrade\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
  "Origin: http://example.com\r\n" +
  "Sec-WebSocket-Protocol: chat, superchat\r\n" +
  "Sec-WebSocket-Version: 13\r\n\r\n";

/** Returns the bytes of a text whose characters are bytes. */
export function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** What came of a head: its text and the bytes behind it, or what was wrong. */
export type Outcome =
  | { readonly text: string; readonly early: string }
  | { readonly code: string; readonly status: number | undefined }
  | "unfinished";

/** Reads a head in pieces. */
export function read(
  bytes: Uint8Array,
  kind: HeadKind,
  limit: number | undefined,
  step: () => number,
): Outcome {
  const reader = new HeadReader(kind, limit);
  let at = 0;
  try {
    while (at < bytes.length) {
      const piece = bytes.slice(at, at + step());
      const taken = reader.push(piece);
      at += taken;
      if (reader.done) {
        return { text: reader.text, early: toHex(bytes.slice(at)) };
      }
      assertEquals(taken, piece.length);
      piece.fill(0);
    }
    return "unfinished";
  } catch (error) {
    if (!(error instanceof HandshakeError)) throw error;
    return { code: error.code, status: error.status };
  }
}

/** Reads a head whole, byte by byte and split at random, and wants the same of all. */
export function readAll(
  bytes: Uint8Array,
  kind: HeadKind = "request",
  limit?: number,
): Outcome {
  const next = chance(SEED);
  const whole = read(bytes, kind, limit, () => bytes.length);
  const steps = { "byte by byte": () => 1, "at random": () => 1 + next(40) };
  for (const [name, step] of Object.entries(steps)) {
    assertEquals(
      read(bytes, kind, limit, step),
      whole,
      `${name}, seed ${SEED}`,
    );
  }
  return whole;
}

/** Reads and parses a request. */
export function request(text: string): ReturnType<typeof parseRequestHead> {
  const outcome = readAll(latin1(text));
  if (outcome === "unfinished" || !("text" in outcome)) {
    throw new Error(`The head was not read: ${JSON.stringify(outcome)}`);
  }
  return parseRequestHead(outcome.text);
}

/** Returns the code and the status with which a head is refused. */
export function refusal(
  text: string,
  kind: HeadKind,
): [string, number | undefined] {
  const outcome = readAll(latin1(text), kind);
  if (outcome === "unfinished") throw new Error("More bytes were waited for");
  if ("code" in outcome) return [outcome.code, outcome.status];
  const parse = kind === "request" ? parseRequestHead : parseResponseHead;
  const error = assertThrows(() => parse(outcome.text), HandshakeError);
  return [error.code, error.status];
}
