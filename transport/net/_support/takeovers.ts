/**
 * What a stream says of a duplex that is taken over late: after something has happened to it. Runs on Deno, Node.js and
 * Bun.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { NodeStream } from "../node/node_stream.ts";
import { pause, settled } from "./settled.ts";
import { pattern, StreamEnd } from "./stream_end.ts";
import { DUPLEX_KINDS, type DuplexPair } from "./stream_kinds.ts";

interface Takeover {
  readonly name: string;
  /** Makes something happen. */
  before(pair: DuplexPair): Promise<void>;
  /** Asserts what the stream has said, 100 ms after it was resumed. */
  after(end: StreamEnd, stream: NodeStream, peer: Socket): Promise<void>;
}

const TAKEOVERS: readonly Takeover[] = [
  {
    name:
      "the peer has ended its side: the end is reported, and ours may be open",
    async before({ duplex, peer }) {
      duplex.resume();
      peer.end();
      await settled(() => assert.ok(duplex.readableEnded));
    },
    async after(end, stream, peer) {
      assert.equal(end.calls[0], "end");
      // A TLS server of `node:https` has ended our side as well, as it always does.
      if (!stream.writable) return;
      assert.deepEqual(end.calls, ["end"]);
      let received = 0;
      peer.on("data", (bytes) => received += bytes.length);
      await end.send(1_000);
      await settled(() => assert.equal(received, 1_000));
    },
  },
  {
    name: "the peer has ended its side behind data: both are reported",
    async before({ peer }) {
      peer.end(pattern(0, 3_000));
      await pause(50);
    },
    after(end) {
      assert.deepEqual([end.received, end.calls], [3_000, ["end"]]);
      return Promise.resolve();
    },
  },
  {
    name: "data has come that nobody has read: it is not lost",
    async before({ peer }) {
      peer.write(pattern(0, 3_000));
      await pause(50);
    },
    after(end) {
      assert.deepEqual([end.received, end.calls], [3_000, []]);
      return Promise.resolve();
    },
  },
  {
    name: "the peer has left: an end of the connection is reported",
    async before({ duplex, peer }) {
      duplex.on("error", () => {});
      duplex.resume();
      peer.destroy();
      await settled(() => assert.ok(duplex.readableEnded || duplex.destroyed));
    },
    after(end) {
      assert.ok(end.has("end") || end.has("error"), String(end.calls));
      return Promise.resolve();
    },
  },
  {
    name: "it was destroyed: an error is reported",
    before({ duplex }) {
      duplex.destroy();
      return Promise.resolve();
    },
    after(end, stream) {
      assert.deepEqual(end.calls, ["error"]);
      assert.equal(stream.writable, false);
      return Promise.resolve();
    },
  },
];

/** Listeners of a duplex, by the name of the event. */
function listenersOf(duplex: Duplex): Record<string, number> {
  return Object.fromEntries(
    ["data", "end", "error", "close", "drain", "readable"].map((name) => [
      name,
      duplex.listenerCount(name),
    ]),
  );
}

/** Each takeover with each kind of duplex. */
export const TAKEOVER_CASES: readonly {
  readonly name: string;
  run(): Promise<void>;
}[] = DUPLEX_KINDS.flatMap(({ name: kind, open }) =>
  TAKEOVERS.map(({ name, before, after }) => ({
    name: `${kind}, taken over late: ${name}`,
    async run() {
      const pair = await open();
      const { duplex, peer } = pair;
      peer.on("error", () => {});
      await before(pair);
      const listeners = listenersOf(duplex);
      const stream = new NodeStream(duplex);
      const end = new StreamEnd(stream);
      try {
        end.resume();
        await pause(100);
        await after(end, stream, peer);
        assert.deepEqual(end.wrong, []);
      } finally {
        stream.destroy();
        peer.destroy();
        StreamEnd.stopAll();
      }
      await settled(() => assert.ok(duplex.closed));
      await pause(20);
      for (const [event, count] of Object.entries(listenersOf(duplex))) {
        const more = count - (listeners[event] ?? 0);
        assert.ok(more <= 0, `${more} listeners of ${event} stay`);
      }
    },
  }))
);
