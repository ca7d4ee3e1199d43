/** The `WebSocket` class and its events. */

import assert from "node:assert/strict";
import { CloseEvent, ErrorEvent, WebSocket } from "../../../websocket/mod.ts";
import { type Checks, Echo, HOST } from "./echo.ts";

export const webSocketChecks: Checks = {
  async "the WebSocket class"() {
    const echo = await Echo.on();
    const socket = new WebSocket(`http://${HOST}:${echo.port}`);
    socket.binaryType = "arraybuffer";
    const log: unknown[] = [];
    const closed = new Promise<CloseEvent>((resolve) => {
      socket.onclose = resolve;
    });
    socket.onopen = () => {
      log.push(socket.readyState);
      socket.send("text");
      socket.send(new Blob(["blob"]));
      socket.send(Uint8Array.of(1, 2));
      log.push(socket.bufferedAmount);
    };
    socket.onmessage = async ({ data }) => {
      log.push(typeof data === "string" ? data : data.byteLength);
      // What a listener awaits ends before the next event.
      for (let i = 0; i < 3; i++) await Promise.resolve();
      log.push("done");
      if (log.length === 8) socket.close(3000, "enough");
    };
    const { code, reason, wasClean } = await closed;
    assert.deepEqual(
      log,
      [1, 10, "text", "done", 4, "done", 2, "done"],
    );
    assert.deepEqual([code, reason, wasClean], [3000, "enough", true]);
    await echo.close();
    const failed = new WebSocket(socket.url);
    const events: unknown[] = [];
    failed.onerror = (event: ErrorEvent) => {
      assert(event instanceof ErrorEvent && event.message.length > 0);
      events.push("error");
    };
    const end = await new Promise<CloseEvent>((resolve) => {
      failed.onclose = resolve;
    });
    assert(end instanceof CloseEvent);
    assert.deepEqual([...events, end.code], ["error", 1006]);
  },
};
