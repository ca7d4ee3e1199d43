import { assertEquals } from "@std/assert";
import { eventually } from "../testing/eventually.ts";
import { next, recordEvents } from "./_support/events.ts";
import { foreignServer } from "./_support/servers.ts";
import { WebSocket } from "./websocket.ts";

/** Collects the messages of the errors that the runtime reports from now on. */
function reportedErrors(): Disposable & { readonly reported: string[] } {
  const reported: string[] = [];
  const report = (event: globalThis.ErrorEvent) => {
    event.preventDefault();
    reported.push(event.error.message);
  };
  globalThis.addEventListener("error", report);
  return {
    reported,
    [Symbol.dispose]: () => globalThis.removeEventListener("error", report),
  };
}

Deno.test("What a listener throws is reported by the runtime, and changes nothing else", async () => {
  using reporting = reportedErrors();
  const { reported } = reporting;
  await using server = await foreignServer();
  const socket = new WebSocket(server.url);
  const events = recordEvents(socket);
  const fail = ({ type }: Event) => {
    throw new Error(`in ${type}`);
  };
  socket.onopen = fail;
  socket.addEventListener("message", fail);
  socket.onclose = fail;
  const close = next(socket, "close");
  await next(socket, "open");
  socket.send("one");
  socket.send("two");
  socket.send("close 1000");
  assertEquals((await close).wasClean, true);
  assertEquals(events, ["open 1", "message 1", "message 1", "close 3"]);
  assertEquals(reported, [
    "in open",
    "in message",
    "in message",
    "in close",
  ]);
});

class Throwing extends WebSocket {
  override dispatchEvent(event: Event): boolean {
    super.dispatchEvent(event);
    throw new Error(`dispatching ${event.type}`);
  }
}

Deno.test("A dispatchEvent that throws is reported by the runtime, and changes nothing else", async () => {
  using reporting = reportedErrors();
  const { reported } = reporting;
  await using server = await foreignServer();
  // Reading pauses after each message, and goes on after its event.
  const socket = new Throwing(server.url, { incomingBufferSize: 1 });
  const events = recordEvents(socket);
  await next(socket, "open");
  for (const text of ["one", "two", "cut"]) socket.send(text);
  await eventually(() => reported.length === 4);
  assertEquals(events, [
    "open 1",
    "message 1",
    "message 1",
    "error 3",
    "close 3",
  ]);
  assertEquals(reported, [
    "dispatching open",
    "dispatching message",
    "dispatching message",
    // Thrown last in the task that both events share.
    "dispatching close",
  ]);
});
