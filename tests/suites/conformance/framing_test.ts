/**
 * Conformance with RFC 6455 over TCP, in both roles, with frames written by hand: framing, pings, reserved bits,
 * opcodes, fragmentation, UTF-8, closing and large messages. `deno task suite conformance`
 *
 * Each case says what an echo receives and exactly what it must send: after a violation the close frame with the
 * right code, then the end of the stream, and soon.
 *
 * @module
 */

import { assert } from "@std/assert";
import { frame, join } from "../../../transport/_support/bytes.ts";
import {
  CLOSE,
  closeBody,
  type HandPeer,
  TEXT,
} from "../../../transport/_support/raw.ts";
import { CASES } from "./cases.ts";
import { withEcho } from "./echo.ts";
import { expectClose, expectFrame } from "./expect.ts";

/** Milliseconds within which a case has to end. */
const LIMIT = 10_000;

for (const role of ["server", "client"] as const) {
  for (const { name, out, missing = 0, back, code, step } of CASES) {
    const steps = step === undefined ? "" : `, ${step} bytes at a time`;
    Deno.test(`${role}: ${name}${steps}`, async () => {
      const start = performance.now();
      await withEcho(role, "", async (peer) => {
        const bytes = join(
          ...out.map(([first, payload]) => peer.frame(first, payload)),
        );
        const writing = write(
          peer,
          bytes.subarray(0, bytes.length - missing),
          step,
        );
        for (const expected of back) await expectFrame(peer, role, expected);
        if (code === undefined) {
          await writing;
          await peer.send(CLOSE, closeBody(1000));
        }
        await expectClose(peer, role, code ?? 1000);
        await writing;
      });
      assert(performance.now() - start < LIMIT);
    });
  }

  Deno.test(`${role}: a frame that is ${role === "server" ? "not masked" : "masked"}`, async () => {
    await withEcho(role, "", async (peer) => {
      // What the echo itself would send.
      await peer.raw(frame(role, TEXT, "x"));
      await expectClose(peer, role, 1002);
    });
  });
}

async function write(
  peer: HandPeer,
  bytes: Uint8Array,
  step = bytes.length,
): Promise<void> {
  try {
    for (let at = 0; at < bytes.length; at += step) {
      await peer.raw(bytes.subarray(at, at + step));
    }
  } catch {
    // The stream was cut, as it should be after a violation.
  }
}
