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

/** What comes in, as seen from the role of its sender, and what must come of it. */
export interface Case {
  readonly name: string;
  readonly bytes: (from: Role) => Uint8Array;
  readonly expected: (from: Role) => readonly Event[];
  readonly options?: Partial<ReceiverOptions>;
}

/** Bytes that would be empty messages, one behind the other. */
export const LIKE_FRAMES = hex("8200".repeat(60));

export function check(
  name: string,
  bytes: (from: Role) => Uint8Array,
  expected: readonly Event[] | ((from: Role) => readonly Event[]),
  options: Partial<ReceiverOptions> = {},
): void {
  const test: Case = {
    name,
    bytes,
    expected: typeof expected === "function" ? expected : () => expected,
    options,
  };
  Deno.test(`receiver: ${test.name}`, () => {
    for (const role of ROLES) {
      const from = peerOf(role);
      for (const binary of ["view", "copy", "borrow"] as const) {
        const all = { ...NO_LIMITS, role, binary, ...test.options };
        const got = feedAll(test.bytes(from), () => all, SEED);
        assertEquals(
          got,
          test.expected(from),
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
