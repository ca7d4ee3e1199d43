/** What the tests of the sender share. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import type { Role } from "../wire/frame.ts";
import { Sender, type SenderOptions } from "../send/sender.ts";
import { join, toHex } from "../../_support/bytes.ts";

export const ROLES: readonly Role[] = ["client", "server"];

/** A sender whose masked frames have the key of RFC 6455, section 5.7. */
export function make(role: Role, options: Partial<SenderOptions> = {}): Sender {
  return new Sender({ role, maskKey: () => 0x3d21fa37, ...options });
}

/** The pieces that wait, each as it was when it was taken. */
export function pieces(sender: Sender): Uint8Array<ArrayBuffer>[] {
  const all: Uint8Array<ArrayBuffer>[] = [];
  let left = sender.size;
  for (let piece = sender.take(); piece; piece = sender.take()) {
    left -= piece.length;
    assertEquals(sender.size, left, "size counts what waits");
    assertStrictEquals(sender.take(), piece, "a piece stays until its release");
    all.push(piece.slice());
    sender.release();
  }
  assertEquals(sender.size, 0);
  return all;
}

export function drain(sender: Sender): Uint8Array<ArrayBuffer> {
  return join(...pieces(sender));
}

export function assertBytes(
  actual: Uint8Array,
  expected: Uint8Array,
  message?: string,
): void {
  if (toHex(actual) === toHex(expected)) return;
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  throw new Error(
    `${
      message ?? "bytes"
    }: ${actual.length} instead of ${expected.length} bytes, ` +
      `different from byte ${at}: ${
        toHex(actual.subarray(at, at + 20))
      } instead of ` +
      toHex(expected.subarray(at, at + 20)),
  );
}

export function pattern(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}
