/**
 * What every byte stream has to do, whatever carries it. Runs on Deno, Node.js and Bun.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { onDeno } from "../../base/runtime.ts";
import { MAX_WRITE_SIZE } from "../stream/byte_stream.ts";
import { StreamEnd, TargetEnd } from "./stream_end.ts";
import type { StreamKindUnderTest, StreamPair } from "./stream_kinds.ts";

const MIB = 1_048_576;
/** The most that a peer can send to a stream that is paused: mostly what the system holds. */
const MAX_UNREAD = 16 * MIB;

/** A part of the contract. */
export interface ContractCase {
  readonly name: string;
  /** Whether it takes seconds. */
  readonly isLong?: boolean;
  run(pair: StreamPair, kind: StreamKindUnderTest): Promise<void>;
}

/** Runs a part of the contract with one kind of stream, and looks that nothing stays behind. */
export async function runCase(
  kind: StreamKindUnderTest,
  { run }: ContractCase,
): Promise<void> {
  await warmUp(kind);
  const before = countDescriptors();
  const pair = await kind.open();
  try {
    await run(pair, kind);
  } finally {
    StreamEnd.stopAll();
    pair.stream.destroy();
    pair.peer.destroy();
  }
  await settled(() => {
    const after = countDescriptors();
    assert.ok(after <= before, `${after - before} descriptors stay`);
  });
}

const warm = new Set<string>();
/** Milliseconds after its start by which Deno has opened what it keeps for signals. */
const STARTED = 2_000;

/** Has the runtime open the descriptors that it keeps. */
async function warmUp({ name, open }: StreamKindUnderTest): Promise<void> {
  if (warm.has(name)) return;
  warm.add(name);
  const { stream, peer } = await open();
  stream.destroy();
  peer.destroy();
  await pause(Math.max(100, STARTED - performance.now()));
}

/** Returns how many descriptors the process has open, where that can be seen; else 0. */
export function countDescriptors(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return 0;
  }
}

/** Waits until an assertion holds. */
export async function settled(check: () => void): Promise<void> {
  for (let i = 0;; i++) {
    try {
      return check();
    } catch (error) {
      if (i === 100) throw error;
      await pause(20);
    }
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function ends(pair: StreamPair): { ours: StreamEnd; peers: StreamEnd } {
  return { ours: new StreamEnd(pair.stream), peers: new StreamEnd(pair.peer) };
}

function assertRight(...all: readonly StreamEnd[]): void {
  for (const { wrong } of all) assert.deepEqual(wrong, []);
}

export const CONTRACT: readonly ContractCase[] = [
  {
    name:
      "bytes arrive intact in both directions, whatever the sizes of writes",
    async run(pair) {
      const { ours, peers } = ends(pair);
      ours.resume();
      peers.resume();
      let n = 0;
      const small = () => [1 + n++ % 300];
      const mixed = () => [1, 20_000, 3, 70_000, 500, 1 + n++ % 1_000];
      await Promise.all([
        ours.send(100_000, small),
        peers.send(100_000, small),
      ]);
      await Promise.all([
        ours.send(5 * MIB, mixed),
        peers.send(5 * MIB, mixed),
      ]);
      await Promise.all([ours.send(8 * MIB), peers.send(8 * MIB)]);
      await ours.until(() => ours.received === peers.sent);
      await peers.until(() => peers.received === ours.sent);
      assert.deepEqual([ours.calls, peers.calls], [[], []]);
      assertRight(ours, peers);
    },
  },
  {
    name: "nothing is reported before it is resumed",
    async run(pair) {
      const { ours, peers } = ends(pair);
      await peers.send(1_000);
      pair.peer.end();
      await pause(50);
      assert.deepEqual([ours.received, ours.calls], [0, []]);
      ours.resume();
      await ours.until(() => ours.has("end"));
      assert.equal(ours.received, 1_000);
      assertRight(ours);
    },
  },
  {
    name:
      "a pause in the middle of data takes effect at once, and loses nothing",
    async run(pair) {
      const { ours, peers } = ends(pair);
      let pauses = 0;
      ours.onData = () => {
        ours.pause();
        pauses++;
        if (pauses % 3 === 0) ours.resume();
        else setTimeout(() => ours.resume(), pauses % 5 === 0 ? 1 : 0);
      };
      ours.resume();
      await peers.send(3 * MIB);
      pair.peer.end();
      await ours.until(() => ours.has("end"));
      assert.equal(ours.received, peers.sent);
      assert.ok(pauses > 2);
      assertRight(ours);
    },
  },
  {
    name:
      "a peer that floods a paused stream is slowed down, and nothing is lost",
    isLong: true,
    async run(pair, kind) {
      const { ours, peers } = ends(pair);
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
      pair.peer.end();
      await ours.until(() => ours.has("end"));
      assert.equal(ours.received, peers.sent);
      assertRight(ours, peers);
    },
  },
  {
    name: "the peer ends its side first: ours can still be written",
    async run(pair) {
      const { ours, peers } = ends(pair);
      ours.resume();
      peers.resume();
      pair.peer.end();
      await ours.until(() => ours.has("end"));
      await pause(20);
      assert.ok(await ours.send(2 * MIB));
      pair.stream.end();
      await peers.until(() => peers.has("end"));
      assert.equal(peers.received, ours.sent);
      await pause(20);
      assert.deepEqual([ours.calls, peers.calls], [["end"], ["end"]]);
      assertRight(ours, peers);
    },
  },
  {
    name: "our side ends first: the peer's is still read",
    async run(pair) {
      const { ours, peers } = ends(pair);
      ours.resume();
      peers.resume();
      assert.ok(await ours.send(1_000));
      pair.stream.end();
      assert.equal(pair.stream.writable, false);
      await peers.until(() => peers.has("end"));
      assert.equal(peers.received, 1_000);
      assert.ok(await peers.send(2 * MIB));
      pair.peer.end();
      await ours.until(() => ours.has("end"));
      assert.equal(ours.received, peers.sent);
      await pause(20);
      assert.deepEqual([ours.calls, peers.calls], [["end"], ["end"]]);
      assertRight(ours, peers);
    },
  },
  {
    name: "end waits for the write that is under way",
    async run(pair) {
      const { ours, peers } = ends(pair);
      await ours.fill();
      assert.ok(pair.stream.writing);
      pair.stream.end();
      peers.resume();
      await peers.until(() => peers.has("end"));
      assert.equal(peers.received, ours.sent);
      assertRight(ours, peers);
    },
  },
  {
    name: "a reset ends the stream behind the data that had arrived",
    async run(pair, kind) {
      const { ours, peers } = ends(pair);
      await peers.send(100_000);
      // What the peer did not read makes its system reset the connection.
      void ours.send(500_000);
      await pause(50);
      pair.peer.destroy();
      await pause(50);
      ours.resume();
      await ours.until(() => ours.has("error") || ours.has("end"));
      if (kind.keepsUnread) assert.equal(ours.received, 100_000);
      // Most runtimes report the end of the stream when there was data before the reset.
      assertRight(ours);
    },
  },
  {
    name: "a failed write leaves the data that had arrived to be read",
    async run(pair, kind) {
      const { ours, peers } = ends(pair);
      await peers.send(100_000);
      // What the peer did not read makes its system answer with a reset.
      void ours.send(500_000);
      await pause(50);
      pair.peer.destroy();
      await pause(50);
      for (let i = 0; i < 100 && pair.stream.writable; i++) {
        if (!pair.stream.writing) pair.stream.write(new Uint8Array(1_000));
        await pause(5);
      }
      await ours.until(() => ours.has("writeError") || ours.has("error"));
      if (!kind.keepsUnread) return;
      assert.deepEqual(ours.calls, ["writeError"]);
      assert.equal(pair.stream.writable, false);
      assert.equal(pair.stream.write(new Uint8Array(1)), false);
      ours.resume();
      await ours.until(() => ours.received === 100_000);
      assertRight(ours);
    },
  },
  {
    name: "a write shows its progress to a slow reader",
    isLong: true,
    async run(pair) {
      const { ours, peers } = ends(pair);
      peers.onData = () => {
        peers.pause();
        setTimeout(() => peers.resume(), 5);
      };
      peers.resume();
      let last = performance.now();
      let longest = 0;
      const sizes = () => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
        return [MAX_WRITE_SIZE];
      };
      assert.ok(await ours.send(24 * MIB, sizes));
      assert.ok(longest < 2_000, `nothing was taken for ${longest} ms`);
      pair.stream.end();
      await peers.until(() => peers.has("end"));
      assert.equal(peers.received, ours.sent);
      assertRight(ours, peers);
    },
  },
  {
    name: "thousands of small writes, and a hundred pieces in one",
    async run(pair) {
      const { ours, peers } = ends(pair);
      peers.resume();
      assert.ok(await ours.send(30_000, () => [10]));
      assert.ok(
        await ours.send(100_000, () => Array.from({ length: 100 }, () => 20)),
      );
      await peers.until(() => peers.received === ours.sent);
      assertRight(ours, peers);
    },
  },
  {
    name: "writing has rules",
    async run(pair) {
      const { ours } = ends(pair);
      await ours.fill();
      assert.throws(() => pair.stream.write(new Uint8Array(1)), /under way/);
      pair.stream.end();
      pair.stream.end();
      assert.throws(() => pair.stream.write(new Uint8Array(1)), /has ended/);
      pair.stream.destroy();
      pair.stream.destroy();
      assert.equal(pair.stream.write(new Uint8Array(1)), false);
      assert.equal(pair.stream.writev([new Uint8Array(1)]), false);
      pair.stream.pause();
      pair.stream.resume();
      pair.stream.end();
    },
  },
  {
    name: "a destroyed stream says no more, whatever was under way",
    async run(pair) {
      const { ours, peers } = ends(pair);
      ours.resume();
      const sending = peers.send(4 * MIB);
      void ours.send(16 * MIB).catch(() => {});
      await ours.until(() => ours.received > 0);
      pair.stream.destroy();
      const { received, drains } = ours;
      peers.resume();
      await peers.until(() => peers.calls.length > 0);
      await sending;
      await pause(20);
      assert.deepEqual([ours.received, ours.drains], [received, drains]);
      assert.deepEqual(ours.calls, []);
    },
  },
  {
    name: "kept bytes stay as they were",
    async run(pair) {
      const { ours, peers } = ends(pair);
      ours.keepsData = true;
      ours.resume();
      for (const size of [50, 131, 700, 5_000, 60_000, 3, 2 * MIB]) {
        await peers.send(size);
        await ours.until(() => ours.received === peers.sent);
      }
      const check = new StreamEnd(pair.peer);
      check.resume();
      for (const bytes of ours.kept) check.data(Uint8Array.from(bytes));
      assert.equal(check.received, peers.sent);
      assertRight(ours, check);
    },
  },
  {
    name: "large messages can be read into memory of the handler's",
    async run(pair) {
      const ours = new TargetEnd(pair.stream);
      const peers = new StreamEnd(pair.peer);
      ours.resume();
      let n = 0;
      await peers.send(4 * MIB, () => [1 + (n++ * 7_919) % 200_000]);
      pair.peer.end();
      await ours.until(() => ours.has("end"));
      assert.equal(ours.received, peers.sent);
      assertRight(ours);
    },
  },
  {
    name: "another handler goes on where the first one stopped",
    async run(pair) {
      const { ours, peers } = ends(pair);
      ours.resume();
      await peers.send(70_000);
      await ours.until(() => ours.received === 70_000);
      ours.pause();
      await peers.send(1_000);
      const second = new StreamEnd(pair.stream);
      second.received = ours.received;
      second.resume();
      await second.until(() => second.received === 71_000);
      assert.equal(ours.received, 70_000);
      assertRight(ours, second);
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
