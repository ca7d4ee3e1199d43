import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { onDeno } from "../../../base/runtime.ts";
import { pause } from "../settled.ts";
import { pattern, StreamEnd, TargetEnd } from "../stream_end.ts";
import { arrives, type ContractCase, MIB } from "./case.ts";

/** The most that a peer can send to a stream that is paused: mostly what the system holds. */
const MAX_UNREAD = 16 * MIB;

/** Data, pauses, and whose memory the data is. */
export const READING: readonly ContractCase[] = [
  {
    name: "nothing is reported before it is resumed",
    async run({ ours, peers }) {
      await peers.send(1_000);
      peers.stream.end();
      await pause(50);
      assert.deepEqual([ours.received, ours.calls], [0, []]);
      ours.resume();
      await arrives(peers, ours);
    },
  },
  {
    name:
      "a pause in the middle of data takes effect at once, and loses nothing",
    async run({ ours, peers }) {
      let pauses = 0;
      ours.onData = () => {
        ours.pause();
        pauses++;
        if (pauses % 3 === 0) ours.resume();
        else setTimeout(() => ours.resume(), pauses % 5 === 0 ? 1 : 0);
      };
      ours.resume();
      await peers.send(3 * MIB);
      peers.stream.end();
      await arrives(peers, ours);
      assert.ok(pauses > 2);
    },
  },
  {
    name:
      "a peer that floods a paused stream is slowed down, and nothing is lost",
    isLong: true,
    async run({ ours, peers, kind }) {
      ours.resume();
      await peers.send(1_000);
      await ours.until(() => ours.received === 1_000);
      ours.pause();
      const memory = await residentMemory();
      const flooding = peers.send(64 * MIB);
      await pause(1_500);
      const grown = await residentMemory() - memory;
      const maximum = kind.isProxied ? 2 * MAX_UNREAD : MAX_UNREAD;
      assert.ok(peers.sent < maximum, `${peers.sent} bytes were taken`);
      assert.ok(grown < MAX_UNREAD, `memory grew by ${grown}`);
      assert.equal(ours.received, 1_000);
      ours.resume();
      assert.ok(await flooding);
      peers.stream.end();
      await arrives(peers, ours);
    },
  },
  {
    name: "bytes that are not borrowed stay as they were",
    async run({ ours, peers }) {
      ours.keeps = true;
      ours.resume();
      for (const size of [50, 131, 700, 5_000, 60_000, 3, 2 * MIB]) {
        await peers.send(size);
        await ours.until(() => ours.received === peers.sent);
      }
      const kept = Buffer.concat(ours.kept);
      assert.equal(Buffer.compare(kept, pattern(0, peers.sent)), 0);
    },
  },
  {
    name: "large messages can be read into memory of the handler's",
    async run({ ours: { stream }, peers }) {
      const ours = new TargetEnd(stream);
      ours.resume();
      let n = 0;
      await peers.send(4 * MIB, () => 1 + (n++ * 7_919) % 200_000);
      peers.stream.end();
      await arrives(peers, ours);
    },
  },
  {
    name: "pauses while memory of the handler's is filled lose nothing",
    async run({ ours: { stream }, peers }) {
      const ours = new TargetEnd(stream);
      ours.size = MIB;
      let pauses = 0;
      ours.onData = () => {
        if (ours.received < (pauses + 1) * 300_000) return;
        pauses++;
        ours.pause();
        setTimeout(() => ours.resume(), 2);
      };
      ours.resume();
      await peers.send(4 * MIB, () => 200_000);
      peers.stream.end();
      await arrives(peers, ours);
      assert.ok(pauses >= 3, `${pauses} pauses`);
    },
  },
  {
    name: "another handler goes on where the first one stopped",
    async run({ ours, peers }) {
      ours.resume();
      await peers.send(70_000);
      await ours.until(() => ours.received === 70_000);
      ours.pause();
      await peers.send(1_000);
      const second = new StreamEnd(ours.stream);
      second.received = ours.received;
      second.resume();
      await second.until(() => second.received === 71_000);
      assert.equal(ours.received, 70_000);
    },
  },
];

/** Returns the resident memory of the process after a collection, where that can be asked for. */
async function residentMemory(): Promise<number> {
  const gc: unknown = Reflect.get(globalThis, "gc");
  if (typeof gc === "function") gc();
  await pause(10);
  if (onDeno) return Deno.memoryUsage().rss;
  const { memoryUsage } = await import("node:process");
  return memoryUsage().rss;
}
