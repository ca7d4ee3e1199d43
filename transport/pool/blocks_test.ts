import { assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { MockSocket } from "../../testing/mock_socket.ts";
import type { Message } from "../base/message.ts";
import { Connection } from "../connection/connection.ts";
import { runHeartbeats, runReader } from "./blocks.ts";
import type { DeliverySink, MessageDelivery } from "./delivery.ts";

/** A delivery that notes everything, and has space for `space` messages. */
function recording(space = Infinity) {
  const log: (Message | string)[] = [];
  let overflow: ((error: Error) => void) | undefined;
  const delivery: MessageDelivery = {
    open(session, source, onOverflow): DeliverySink {
      overflow = onOverflow;
      log.push(`open ${session} ${source.flowControl}`);
      return {
        message(data) {
          log.push(data);
          return log.length <= space;
        },
        finish: () => {
          log.push("finish");
        },
        end: () => {
          log.push("end");
        },
      };
    },
  };
  return { delivery, log, overflow: (error: Error) => overflow?.(error) };
}

Deno.test("runReader hands every message to the delivery until the connection ends", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket);
  socket.receive("before");
  const { delivery, log } = recording();
  runReader({ connection, delivery, session: 3 });
  socket.receive("a");
  socket.receiveClose();
  await connection.closed;
  assertEquals(log, ["open 3 true", "before", "a", "end"]);
});

Deno.test("runReader delivers messages that have arrived when its signal aborts, and leaves no listener", async () => {
  for (const aborts of [true, false]) {
    const socket = new MockSocket();
    const connection = new Connection(socket);
    const { delivery, log } = recording();
    const controller = new AbortController();
    runReader({ connection, delivery, session: 1, signal: controller.signal });
    if (aborts) controller.abort();
    await connection.close();
    await delay(0);
    controller.abort();
    assertEquals(
      log.filter((entry) => entry === "finish").length,
      aborts ? 1 : 0,
    );
  }
});

Deno.test("A peer that exceeds the limits is closed with 1009, unless the caller decides", async () => {
  for (const decides of [true, false]) {
    const socket = new MockSocket({ flowControl: false });
    const connection = new Connection(socket);
    const { delivery, overflow } = recording();
    const errors: Error[] = [];
    runReader({
      connection,
      delivery,
      session: 1,
      ...(decides && { onOverflow: (error: Error) => errors.push(error) }),
    });
    overflow(new Error("too much"));
    assertEquals(socket.closes.map(({ code }) => code), decides ? [] : [1009]);
    assertEquals(errors.length, decides ? 1 : 0);
    await connection.close();
  }
});

Deno.test("runHeartbeats hands on each heartbeat until the end, or until its signal aborts", async () => {
  for (const aborts of [true, false]) {
    const socket = new MockSocket();
    const connection = new Connection(socket);
    const controller = new AbortController();
    let beats = 0;
    const running = runHeartbeats({
      connection,
      onHeartbeat: ({ latency }) => {
        if (latency >= 0) beats++;
      },
      signal: controller.signal,
    });
    for (let i = 0; i < 2; i++) {
      const ping = connection.ping();
      socket.receivePong();
      await ping;
    }
    await delay(0);
    if (aborts) controller.abort();
    else await connection.close();
    await running;
    assertEquals(beats, 2);
    await connection.close();
  }
});

Deno.test("runHeartbeats rejects with what its caller's function throws", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket);
  const running = runHeartbeats({
    connection,
    onHeartbeat: () => {
      throw new Error("broken");
    },
  });
  const rejected = assertRejects(() => running, Error, "broken");
  const ping = connection.ping();
  socket.receivePong();
  await ping;
  await rejected;
  await connection.close();
});
