import { assert, assertEquals } from "@std/assert";
import { utf8 } from "../../../transport/_support/bytes.ts";
import { CLOSE, type HandPeer } from "../../../transport/_support/raw.ts";
import type { Frame } from "./cases.ts";
import type { Role } from "./echo.ts";

/** Reads the next frame and checks that an echo in this role masks as it must (RFC 6455, section 5.1). */
export async function nextFrame(
  peer: HandPeer,
  role: Role,
): Promise<{ first: number | undefined; payload: Uint8Array }> {
  const frame = await peer.next();
  if (frame !== undefined) {
    assertEquals(frame.masked, role === "client", "masked by role");
  }
  return { first: frame?.first, payload: frame?.payload ?? new Uint8Array(0) };
}

/** Checks that a frame comes next. */
export async function expectFrame(
  peer: HandPeer,
  role: Role,
  [first, payload]: Frame,
): Promise<void> {
  const frame = await nextFrame(peer, role);
  assertEquals(frame.first, first);
  const body = typeof payload === "string" ? utf8(payload) : payload;
  assertEquals(frame.payload.length, body.length);
  // Payloads are large: they are compared without printing them.
  assert(
    frame.payload.every((byte, i) => byte === body[i]),
    "the payload has changed",
  );
}

/**
 * Checks that a close frame with this code comes next, 1005 for none. A server then ends the stream; a client waits for
 * its peer to end it (RFC 6455, section 7.1.1).
 */
export async function expectClose(
  peer: HandPeer,
  role: Role,
  code: number,
): Promise<void> {
  const { first, payload } = await nextFrame(peer, role);
  assertEquals(first, CLOSE);
  const [high = 0, low = 0] = payload;
  assertEquals(payload.length === 0 ? 1005 : high << 8 | low, code);
  if (role === "client") peer[Symbol.dispose]();
  else assertEquals(await peer.next(), undefined);
}
