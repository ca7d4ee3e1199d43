/** What the tests of the receiver share: bytes, and what must come of them however they are fed. */

import { assertEquals } from "@std/assert";
import type { Role } from "../wire/frame.ts";
import type { ReceiverOptions } from "../receive/receiver.ts";
import {
  type Event,
  feedAll,
  hex,
  NO_LIMITS,
  peerOf,
} from "../../_support/bytes.ts";

export const ROLES: readonly Role[] = ["client", "server"];
export const SEED = Number(new Date());

/** Bytes that would be empty messages, one behind the other. */
export const LIKE_FRAMES = hex("8200".repeat(60));

/**
 * Tests what comes of bytes, in both roles, with every kind of delivery, and however the bytes are fed.
 *
 * @param bytes What the sender sends. It masks by its role.
 * @param options The options of a receiver, made again for each.
 */
export function check(
  name: string,
  bytes: (from: Role) => Uint8Array,
  expected: readonly Event[] | ((from: Role) => readonly Event[]),
  options: Partial<ReceiverOptions> | (() => Partial<ReceiverOptions>) = {},
): void {
  Deno.test(`receiver: ${name}`, () => {
    for (const role of ROLES) {
      const from = peerOf(role);
      for (const binary of ["view", "copy", "borrow"] as const) {
        const all = () => ({
          ...NO_LIMITS,
          role,
          binary,
          ...(typeof options === "function" ? options() : options),
        });
        assertEquals(
          feedAll(bytes(from), all, SEED),
          typeof expected === "function" ? expected(from) : expected,
          `${role}, ${binary}, seed ${SEED}`,
        );
      }
    }
  });
}

/** The size of a short header in bytes. */
export function head(from: Role): number {
  return from === "client" ? 6 : 2;
}

export function pattern(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}
