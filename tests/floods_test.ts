/** What a flood of one peer costs us. */

import { assert, assertEquals } from "@std/assert";
import { RecordingReader } from "../testing/mod.ts";
import { join } from "../transport/_support/bytes.ts";
import { PING, PONG } from "../transport/_support/raw.ts";
import { meetByHand } from "./_support/hand_setups.ts";

Deno.test("100,000 pings of a peer that reads nothing cost little memory, and the newest is answered", async () => {
  await using met = await meetByHand("server over TCP");
  const { ours, peer } = met;
  const reader = new RecordingReader();
  ours.start(reader);
  const count = 100_000;
  const step = 10_000;
  let most = 0;
  const watching = setInterval(() => {
    most = Math.max(most, ours.bufferedAmount);
  }, 1);
  try {
    for (let at = 0; at < count; at += step) {
      const pings = Array.from(
        { length: step },
        (_, i) => peer.frame(PING, `${at + i}`),
      );
      await peer.raw(join(...pings));
    }
    let newest = "";
    while (newest !== `${count - 1}`) {
      const frame = await peer.nextText();
      assertEquals(frame?.[0], PONG);
      newest = frame?.[1] ?? "";
    }
  } finally {
    clearInterval(watching);
  }
  assertEquals(reader.pings.length, count);
  // At most 16 pongs, beside what is being written.
  assert(most < 4_096, `${most} bytes were buffered`);
});
