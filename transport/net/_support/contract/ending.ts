import assert from "node:assert/strict";
import { pause } from "../settled.ts";
import type { StreamEnd } from "../stream_end.ts";
import { arrives, type ContractCase, MIB, type StreamEnds } from "./case.ts";

/** Bytes that arrive before a reset. */
const UNREAD = 100_000;

/** The ends of a stream: of one side, by a reset, by a failed write, by `destroy`. */
export const ENDING: readonly ContractCase[] = [
  {
    name: "the peer ends its side first: ours can still be written",
    run: ({ ours, peers }) => endInTurn(peers, ours),
  },
  {
    name: "our side ends first: the peer's is still read",
    run: ({ ours, peers }) => endInTurn(ours, peers),
  },
  {
    name: "a reset ends the stream behind the data that had arrived",
    async run(ends) {
      const { ours, kind } = ends;
      await reset(ends);
      ours.resume();
      // Most runtimes report the end of the stream when there was data before the reset.
      await ours.until(() => ours.has("error") || ours.has("end"));
      if (kind.keepsUnread) assert.equal(ours.received, UNREAD);
    },
  },
  {
    name: "a failed write leaves the data that had arrived to be read",
    async run(ends) {
      const { ours, ours: { stream }, kind } = ends;
      await reset(ends);
      for (let i = 0; i < 100 && stream.writable; i++) {
        if (!stream.writing) stream.write(new Uint8Array(1_000));
        await pause(5);
      }
      await ours.until(() => ours.has("writeError") || ours.has("error"));
      if (!kind.keepsUnread) return;
      assert.deepEqual(ours.calls, ["writeError"]);
      assert.equal(stream.writable, false);
      assert.equal(stream.write(new Uint8Array(1)), false);
      ours.resume();
      await ours.until(() => ours.received === UNREAD);
    },
  },
  {
    name: "a destroyed stream says no more, whatever was under way",
    async run({ ours, peers }) {
      ours.resume();
      const sending = peers.send(4 * MIB);
      void ours.send(16 * MIB).catch(() => {});
      await ours.until(() => ours.received > 0);
      ours.stream.destroy();
      const { received, drains } = ours;
      peers.resume();
      await peers.until(() => peers.calls.length > 0);
      await sending;
      await pause(20);
      assert.deepEqual([ours.received, ours.drains], [received, drains]);
      assert.deepEqual(ours.calls, []);
    },
  },
];

/** Ends one side, then sends in the other direction and ends the other side. */
async function endInTurn(first: StreamEnd, last: StreamEnd): Promise<void> {
  first.resume();
  last.resume();
  assert.ok(await first.send(1_000));
  first.stream.end();
  assert.equal(first.stream.writable, false);
  await arrives(first, last);
  await pause(20);
  assert.ok(await last.send(2 * MIB));
  last.stream.end();
  await arrives(last, first);
  await pause(20);
  assert.deepEqual([first.calls, last.calls], [["end"], ["end"]]);
}

/** Makes the peer's system reset the connection, behind data of the peer. */
async function reset({ ours, peers }: StreamEnds): Promise<void> {
  await peers.send(UNREAD);
  // The peer does not read this. Therefore its system answers with a reset.
  void ours.send(500_000);
  await pause(50);
  peers.stream.destroy();
  await pause(50);
}
