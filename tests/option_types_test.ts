/**
 * The types refuse what is refused at run time. If a type accepted one of these options, the type check would fail
 * because of an unused `@ts-expect-error`.
 */

import { assertThrows } from "@std/assert";
import {
  ConfigError,
  Connection,
  dialRaw as dialer,
  forEachMessage,
  InboundPool,
  listen,
  OutboundPool,
} from "../mod.ts";
import { MockDialer, MockSocket } from "../testing/mod.ts";

const URL = "ws://a.example";
const socket = () => new MockSocket();

/** Calls with an option that is misspelt or has no effect there. */
const CALLS: Readonly<
  Record<string, (inbound: InboundPool, outbound: OutboundPool) => unknown>
> = {
  // @ts-expect-error: an option of the socket.
  a: () => new InboundPool("p", { connection: { maxMessageSize: 10 } }),
  // @ts-expect-error: an option of the socket.
  b: () => new InboundPool("p", { connection: { compression: true } }),
  // @ts-expect-error: an option of the socket.
  c: () => new InboundPool("p", { connection: { protocols: ["x"] } }),
  // @ts-expect-error: an option of dials.
  d: () => new InboundPool("p", { connection: { retry: false } }),
  // @ts-expect-error: an option of dials.
  e: () => new InboundPool("p", { dialer }),
  // @ts-expect-error: an option of an outbound worker.
  f: () => new InboundPool("p", { worker: { keepaliveTimeout: 1 } }),
  // @ts-expect-error: an option of connections.
  g: () => new InboundPool("p", { pingInterval: 1 }),
  // @ts-expect-error: an option of the pool.
  h: () => new OutboundPool("p", { connection: { dialer } }),
  // @ts-expect-error: an option of an inbound worker.
  i: () => new OutboundPool("p", { worker: { inactivityTimeout: 1 } }),
  // @ts-expect-error: an option of an inbound pool.
  j: () => new OutboundPool("p", { maxPeers: 1 }),
  // @ts-expect-error: for sockets without a connection only.
  k: () => new OutboundPool("p", { connection: { binary: "borrow" } }),
  // @ts-expect-error: an option of connections.
  l: (_, pool) => pool.connect(URL, { retry: false }),
  // @ts-expect-error: a limit that all peers share.
  m: (_, pool) => pool.connect(URL, { connection: { incomingBufferSize: 1 } }),
  // @ts-expect-error: a limit that all peers share.
  n: (_, pool) => pool.connect(URL, { worker: { maxQueueSize: 1 } }),
  // @ts-expect-error: an option of the socket.
  o: () => new Connection(socket(), { maxMessageSize: 10 }),
  // @ts-expect-error: an option of dials.
  p: () => new Connection(socket(), { retry: false }),
  // @ts-expect-error: for sockets without a connection only.
  q: () => new Connection(URL, { binary: "borrow" }),
  // @ts-expect-error: an option of a pool.
  r: () => new Connection(URL, { maxPeers: 1 }),
  // @ts-expect-error: an option of connections.
  s: () => listen({ pingInterval: 1 }),
  // @ts-expect-error: an option of a pool.
  t: () => listen({ maxPeers: 1 }),
  // @ts-expect-error: an option of listen.
  u: (pool) => pool.serve({ [Symbol.asyncIterator]: none }, { origins: [] }),
  // @ts-expect-error: misspelt.
  v: (pool) => forEachMessage(pool, () => {}, { concurrent: 1 }),
};

async function* none() {}

Deno.test("Options that have no effect are refused by the types and at run time", async () => {
  await using inbound = new InboundPool("in");
  await using outbound = new OutboundPool("out", {
    dialer: new MockDialer().dial,
  });
  for (const call of Object.values(CALLS)) {
    assertThrows(() => call(inbound, outbound), ConfigError);
  }
});
