/**
 * Conformance with RFC 7692 over TCP, in both roles, with every combination of parameters that a peer may ask for.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { createInflateRaw, deflateRawSync, type InflateRaw } from "node:zlib";
import { join, utf8 } from "../../../transport/_support/bytes.ts";
import { type HandPeer, PING, PONG } from "../../../transport/_support/raw.ts";
import { type Role, withEcho } from "./echo.ts";
import { expectClose, expectFrame, nextFrame } from "./expect.ts";

const PARAMETERS = [
  "",
  "; server_no_context_takeover",
  "; client_no_context_takeover",
  "; server_no_context_takeover; client_no_context_takeover",
  "; server_max_window_bits=9",
  "; server_max_window_bits=15",
  // A client has offered this parameter, so that a server may ask for it.
  "; client_max_window_bits=9",
];

/** The sizes of the messages in bytes, in the order in which they are sent. */
const SIZES = [
  0,
  16,
  64,
  256,
  1_024,
  4_096,
  8_192,
  16_384,
  32_768,
  65_536,
  131_072,
];

for (const role of ["server", "client"] as const) {
  for (const parameters of PARAMETERS) {
    Deno.test(`${role}: permessage-deflate${parameters}`, async () => {
      const extensions = `permessage-deflate${parameters}`;
      const fresh = parameters.includes(`${role}_no_context_takeover`);
      await withEcho(role, extensions, async (peer) => {
        let inflater = createInflateRaw();
        for (const size of SIZES) {
          if (fresh) inflater = createInflateRaw();
          await echoText(peer, role, size, inflater);
        }
        await peer.send(0xc2, Uint8Array.of(0xff, 0xff, 0xff));
        await expectClose(peer, role, 1007);
      });
    });
  }
}

/** Sends a compressed text in two fragments with a ping between them, and checks that the same text comes back. */
async function echoText(
  peer: HandPeer,
  role: Role,
  size: number,
  inflater: InflateRaw,
): Promise<void> {
  const text = JSON.stringify({ size, text: "honey ".repeat(size / 6) });
  const packed = deflateRawSync(utf8(text), {
    finishFlush: 2,
    windowBits: 9,
  }).subarray(0, -4);
  const half = packed.length >> 1;
  await peer.send(0x41, packed.subarray(0, half));
  await peer.send(PING, "p");
  await peer.send(0x80, packed.subarray(half));
  await expectFrame(peer, role, [PONG, "p"]);
  const frame = await nextFrame(peer, role);
  assertEquals(frame.first, 0xc1, "compressed text");
  const inflated = await inflate(inflater, frame.payload);
  assertEquals(new TextDecoder().decode(inflated), text);
}

/** Inflates a message with the window that the messages before it have left. */
function inflate(
  inflater: InflateRaw,
  packed: Uint8Array,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    const onData = (part: Uint8Array) => parts.push(part);
    inflater.on("data", onData);
    inflater.once("error", reject);
    inflater.write(join(packed, Uint8Array.of(0, 0, 0xff, 0xff)));
    inflater.flush(() => {
      inflater.off("data", onData);
      inflater.off("error", reject);
      resolve(join(...parts));
    });
  });
}
