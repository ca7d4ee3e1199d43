/** Sockets of the caller's own that do something wrong: the connection ends in time, and nothing else does. */

import { assertEquals } from "@std/assert";
import { FakeClock, MockSocket } from "../../testing/mod.ts";
import type { Socket } from "../socket/socket.ts";
import { Connection } from "./connection.ts";

const WRONG: Readonly<Record<string, () => unknown>> = {
  "throws": () => {
    throw new Error("broken");
  },
  "rejects": () => Promise.reject(new Error("broken")),
  "never settles": () => new Promise(() => {}),
  "returns undefined": () => undefined,
  "returns NaN": () => NaN,
  "returns a string": () => "5",
  "returns an object": () => ({}),
};

/** Every method and every figure of a socket; the compiler asks for new ones. */
const MEMBERS: Readonly<
  Record<
    Exclude<
      keyof Socket,
      | "url"
      | "protocol"
      | "extensions"
      | "response"
      | "remoteAddr"
      | "binary"
      | "closed"
    >,
    "method" | "figure"
  >
> = {
  start: "method",
  resume: "method",
  write: "method",
  writeFragment: "method",
  ping: "method",
  close: "method",
  terminate: "method",
  hasSpace: "method",
  controlFrames: "figure",
  flowControl: "figure",
  bufferedAmount: "figure",
  sentBytes: "figure",
  activity: "figure",
};

/** The socket with one member that does something wrong. */
function odd(socket: Socket, member: string, act: () => unknown): Socket {
  const isMethod = Object.entries(MEMBERS)
    .some(([name, kind]) => name === member && kind === "method");
  return new Proxy(socket, {
    get(target, name) {
      if (name === member) return isMethod ? act : act();
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

for (const [member, kind] of Object.entries(MEMBERS)) {
  for (const [how, act] of Object.entries(WRONG)) {
    // A figure is not a promise whose rejection could be handled.
    if (kind === "figure" && how === "rejects") continue;
    Deno.test(`A connection over a socket whose ${member} ${how} ends in time`, async () => {
      const clock = new FakeClock();
      const socket = new MockSocket({ clock });
      let connection: Connection;
      try {
        connection = new Connection(odd(socket, member, act), {
          clock,
          pingInterval: 1_000,
          closeTimeout: 2_000,
        });
      } catch (error) {
        // A figure that throws when it is first read.
        assertEquals([kind, how, String(error)], [
          "figure",
          "throws",
          "Error: broken",
        ]);
        return;
      }
      const attempt = async (action: () => unknown) => {
        try {
          await action();
        } catch {
          // It may throw at the call.
        }
      };
      void attempt(() => connection.send("hello"));
      void attempt(() => connection.trySend("hello"));
      void attempt(() => connection.ping());
      void attempt(() => connection.sendStream(chunks()));
      socket.receive("one");
      await clock.advance(3_000);
      void attempt(() => connection.close());
      await clock.advance(20_000);
      const end = await connection.closed;
      assertEquals(typeof end.clean, "boolean");
      socket.terminate();
      await clock.advance(20_000);
      assertEquals(clock.pending, 0);
    });
  }
}

async function* chunks(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(3);
  yield await Promise.resolve(new Uint8Array(3));
}
