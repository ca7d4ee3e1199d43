import { assertEquals } from "@std/assert";
import { MockSocket } from "../testing/mod.ts";
import { systemClock } from "../transport/base/clock.ts";
import { Connection } from "../transport/connection/connection.ts";
import { runSession } from "./session.ts";

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
    const running = runSession({
      connection: new Connection(socket),
      session: 1,
      delivery,
      clock: systemClock,
      connectionOptions: {},
      workerOptions,
      prepare: () => undefined,
      onOpen() {},
      signal: controller.signal,
    });
    controller.abort(reason);
    const { end, error } = await running;
    assertEquals([end.sent, error], [{ reason: "", ...expected }, undefined]);
  });
}
