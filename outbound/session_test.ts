import { assertEquals } from "@std/assert";
import { MockSocket } from "../testing/mod.ts";
import { systemClock } from "../transport/base/clock.ts";
import { Connection } from "../transport/connection/connection.ts";
import { countListeners } from "../transport/base/_support/signals.ts";
import { runSession, type SessionOptions } from "./session.ts";

const delivery = {
  open: () => ({ message: () => true, finish() {}, end() {} }),
};
const workerOptions = {
  keepaliveTimeout: 0,
  messageTimeout: 0,
  reconnectDelay: 0,
  maxReconnectDelay: 0,
  stableAfter: 0,
  maxQueueSize: 0,
};

function optionsFor(socket: MockSocket, signal: AbortSignal): SessionOptions {
  return {
    connection: new Connection(socket),
    session: 1,
    delivery,
    clock: systemClock,
    connectionOptions: {},
    workerOptions,
    prepare: () => undefined,
    onOpen() {},
    signal,
  };
}

for (
  const [name, reason, expected] of [
    ["a request", { code: 4000, reason: "why" }, { code: 4000, reason: "why" }],
    ["a code that may not be sent", { code: 7, reason: "" }, { code: 1000 }],
    ["the reason of abort()", undefined, { code: 1000 }],
    ["null", null, { code: 1000 }],
    ["an error", new Error("enough"), { code: 1000 }],
  ] as const
) {
  Deno.test(`runSession: a signal whose reason is ${name} ends the session`, async () => {
    const socket = new MockSocket();
    const controller = new AbortController();
    const running = runSession(optionsFor(socket, controller.signal));
    controller.abort(reason);
    const { end, error } = await running;
    assertEquals([end.sent, error], [{ reason: "", ...expected }, undefined]);
  });
}

Deno.test("runSession: no listener stays on the signal after the end", async () => {
  const socket = new MockSocket();
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  const running = runSession(optionsFor(socket, signal));
  assertEquals(listeners(), 1);
  socket.receiveClose();
  await running;
  assertEquals(listeners(), 0);
});
