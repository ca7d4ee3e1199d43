import assert from "node:assert/strict";
import { MAX_WRITE_SIZE } from "../../stream/byte_stream.ts";
import { arrives, type ContractCase, MIB } from "./case.ts";

const MIXED_SIZES = [1, 20_000, 3, 70_000, 500, 999];

/** Writes of all sizes, their progress and their rules. */
export const WRITING: readonly ContractCase[] = [
  {
    name:
      "bytes arrive intact in both directions, whatever the sizes of writes",
    async run({ ours, peers }) {
      ours.resume();
      peers.resume();
      let n = 0;
      const small = () => 1 + n++ % 300;
      const mixed = () => MIXED_SIZES[n++ % MIXED_SIZES.length] ?? 1;
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
    },
  },
  {
    name: "thousands of small writes",
    async run({ ours, peers }) {
      peers.resume();
      assert.ok(await ours.send(30_000, () => 10));
      await peers.until(() => peers.received === ours.sent);
    },
  },
  {
    name: "a write shows its progress to a slow reader",
    isLong: true,
    async run({ ours, peers }) {
      peers.onData = () => {
        peers.pause();
        setTimeout(() => peers.resume(), 5);
      };
      peers.resume();
      let last = performance.now();
      let longest = 0;
      const size = () => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
        return MAX_WRITE_SIZE;
      };
      assert.ok(await ours.send(24 * MIB, size));
      assert.ok(longest < 2_000, `nothing was taken for ${longest} ms`);
      ours.stream.end();
      await arrives(ours, peers);
    },
  },
  {
    name: "end waits for the write that is under way",
    async run({ ours, peers }) {
      await ours.fill();
      assert.ok(ours.stream.writing);
      ours.stream.end();
      peers.resume();
      await arrives(ours, peers);
    },
  },
  {
    name: "writing has rules",
    async run({ ours }) {
      const { stream } = ours;
      const byte = new Uint8Array(1);
      await ours.fill();
      const underWay = { code: "invalid-state", message: /under way/ };
      assert.throws(() => stream.write(byte), underWay);
      stream.end();
      stream.end();
      const ended = { code: "connection-closed", message: /has ended/ };
      assert.throws(() => stream.write(byte), ended);
      stream.destroy();
      stream.destroy();
      assert.equal(stream.write(byte), false);
      stream.pause();
      stream.resume();
      stream.end();
    },
  },
];
