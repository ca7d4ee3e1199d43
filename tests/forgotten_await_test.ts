/** Calls that fail and are not awaited: none may end the process. The test runner fails on an unhandled rejection. */

import { assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { Connection, listen } from "../mod.ts";
import { runDialer } from "../outbound/mod.ts";
import {
  dialAuto,
  dialNative,
  dialRaw,
  dialUpgrade,
  Duplex,
  retry,
  runHeartbeats,
} from "../transport/mod.ts";
import { FakeClock, MockSocket } from "../testing/mod.ts";
import type { Incoming } from "../mod.ts";

const URL = "ws://127.0.0.1:1";
const clock = new FakeClock();
const fails = () => Promise.reject(new Error("no"));

const CALLS: Readonly<Record<string, () => Promise<unknown>>> = {
  dialRaw: () => dialRaw(URL),
  dialNative: () => dialNative(URL),
  dialAuto: () => dialAuto(URL, {}),
  dialUpgrade: () => dialUpgrade(URL, { upgrade: "x" }),
  retry: () => retry(fails, () => -1),
  runDialer: () =>
    runDialer({
      url: URL,
      clock,
      connectionOptions: { clock, dialer: fails, retry: false },
      signal: new AbortController().signal,
      onError: () => {},
    }),
  runHeartbeats: () => {
    const socket = new MockSocket({ clock });
    const connection = new Connection(socket, { clock });
    const running = runHeartbeats({
      connection,
      onHeartbeat: () => {
        throw new Error("no");
      },
    });
    void connection.ping();
    socket.receivePong();
    return running;
  },
  "Connection.connect": () =>
    new Connection(URL, { clock, dialer: fails, retry: false }).connect(),
  "Duplex.write": () => broken().write(new Uint8Array(1)),
  "Duplex.read": () => broken().read(new Uint8Array(1)),
  "Duplex.closeWrite": () => broken().closeWrite(),
};

/** A stream of which nothing works. */
function broken(): Duplex {
  return new Duplex({
    read: fails,
    write: fails,
    closeWrite: fails,
    close: () => {},
  }, new Uint8Array(0));
}

for (const [name, call] of Object.entries(CALLS)) {
  Deno.test(`${name} rejects, and a forgotten await of it ends nothing`, async () => {
    void call();
    await assertRejects(call);
    await delay(5);
  });
}

for (const action of ["reject", "acceptStream"] as const) {
  Deno.test(`Incoming.${action} of a request that was answered already rejects, and a forgotten await of it ends nothing`, async () => {
    const listener = listen({ hostname: "127.0.0.1", upgrade: ["x"] });
    await listener.ready;
    const dialled = dialUpgrade(`ws://127.0.0.1:${listener.port}`, {
      upgrade: "x",
    });
    for await (const incoming of listener) {
      await incoming.reject(403);
      const again = (incoming: Incoming) =>
        action === "reject" ? incoming.reject(403) : incoming.acceptStream();
      void again(incoming);
      await assertRejects(() => again(incoming));
      break;
    }
    const error = await dialled.catch((error) => error);
    assertEquals(error.status, 403);
    await listener.close();
  });
}
