/** What happens to messages, and to connections, if a caller resizes or transfers the memory of what it sends. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { Connection, ConnectionError } from "../mod.ts";
import { BINARY, PING } from "../transport/_support/raw.ts";
import { HAND_SETUPS, meetByHand } from "./_support/hand_setups.ts";

const SIZE = 400_000;
const MAX = 500_000;

/** What a caller may do to a buffer that can be resized. */
const CHANGES: Readonly<Record<string, (memory: ArrayBuffer) => void>> = {
  "shrinks": (memory) => memory.resize(1_000),
  "becomes empty": (memory) => memory.resize(0),
  "grows": (memory) => memory.resize(MAX),
  "vanishes": (memory) => void memory.transfer(),
};

function pattern(memory: ArrayBuffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(memory).map((_, i) => i * 7);
}

function resizable(size: number): Uint8Array<ArrayBuffer> {
  const memory = new ArrayBuffer(size, { maxByteLength: MAX });
  const bytes = new Uint8Array(memory);
  bytes.set(pattern(new ArrayBuffer(size)));
  return bytes;
}

for (const setup of HAND_SETUPS) {
  Deno.test(`${setup}: a message arrives whole whatever happens to its memory right after the call`, async () => {
    await using met = await meetByHand(setup);
    const { ours, peer } = met;
    const connection = new Connection(ours);
    for (const [name, change] of Object.entries(CHANGES)) {
      for (const size of [10, 5_000, SIZE]) {
        const expected = pattern(new ArrayBuffer(size));
        const calls = {
          send: (bytes: Uint8Array) => void connection.send(bytes),
          trySend: (bytes: Uint8Array) => assert(connection.trySend(bytes)),
        };
        for (const [call, run] of Object.entries(calls)) {
          const bytes = resizable(size);
          run(bytes);
          change(bytes.buffer);
          const frame = await peer.next();
          assertEquals(frame?.first, BINARY);
          assertEquals(frame?.payload, expected, `${call}: ${size} ${name}`);
        }
      }
      const payload = resizable(100);
      ours.ping?.(payload);
      change(payload.buffer);
      const ping = await peer.next();
      assertEquals(ping?.first, PING);
      assertEquals(ping?.payload, pattern(new ArrayBuffer(100)), name);
    }
  });

  Deno.test(`${setup}: a streamed message arrives whole although its source uses its memory again`, async () => {
    await using met = await meetByHand(setup);
    const { ours, peer } = met;
    const connection = new Connection(ours);
    for (const change of Object.values(CHANGES)) {
      const source = async function* () {
        for (const size of [10, 5_000, SIZE]) {
          const bytes = resizable(size);
          yield bytes;
          change(bytes.buffer);
        }
      };
      const sent = connection.sendStream(source(), { type: "binary" });
      const got: number[] = [];
      for (let fin = false; !fin;) {
        const frame = await peer.next();
        assert(frame !== undefined);
        fin = frame.first >= 0x80;
        got.push(...frame.payload.slice(0, 1), frame.payload.length);
        if (got.length === 2) {
          assertEquals(
            frame.payload.slice(0, 10),
            pattern(new ArrayBuffer(10)),
          );
        }
      }
      await sent;
      const total = got.filter((_, i) => i % 2 === 1).reduce((a, b) => a + b);
      assertEquals(total, 10 + 5_000 + SIZE);
    }
  });

  Deno.test(`${setup}: memory that vanishes while it is borrowed ends that connection with an error, and nothing else`, async () => {
    await using met = await meetByHand(setup);
    const { ours, peer } = met;
    const connection = new Connection(ours);
    const bytes = new Uint8Array(24 * 2 ** 20);
    const sent = assertRejects(() => connection.send(bytes), ConnectionError);
    await delay(20);
    bytes.buffer.transfer();
    assertEquals(await peer.next(), undefined, "the frame stays incomplete");
    const error = await sent;
    assertEquals([error.code, error.delivered], [
      "connection-closed",
      "unknown",
    ]);
    const end = await connection.closed;
    assert(end.error instanceof ConnectionError, String(end.error));
    assertEquals(end.error.code, "buffer-changed");
    // The clock still runs.
    await delay(1);
  });
}
