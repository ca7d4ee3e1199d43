import { assertEquals, assertThrows } from "@std/assert";
import { MockSocket } from "../testing/mod.ts";
import { PoolError } from "../transport/base/errors.ts";
import { drainErrors, setUp } from "./_support/set_up.ts";
import type { ConnectOptions } from "./peer_settings.ts";

/** What a user's function may do that it should not. */
const MISBEHAVIOURS: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error("thrown");
  },
  rejects: () => Promise.reject(new Error("rejected")),
  "never settles": () => new Promise(() => {}),
  "returns undefined": () => undefined,
  "returns NaN": () => NaN,
  "returns a promise": () => Promise.resolve("something"),
  "returns an object": () => ({ odd: true }),
};

/** Where the user's function is given, and which of the above it may do without being reported. */
const PLACES: Readonly<
  Record<string, {
    options(fn: () => never): ConnectOptions;
    fine: readonly string[];
  }>
> = {
  dialer: { options: (dialer) => ({ dialer }), fine: [] },
  headers: {
    options: (headers) => ({ headers }),
    // The values of an object have to be strings.
    fine: ["returns undefined"],
  },
  onConnected: {
    options: (onConnected) => ({ onConnected }),
    fine: [
      "returns undefined",
      "returns NaN",
      "returns a promise",
      "returns an object",
    ],
  },
  shouldReconnect: {
    options: (shouldReconnect) => ({ shouldReconnect }),
    fine: ["returns undefined"],
  },
  "connection.retry": {
    options: (retry) => ({ connection: { retry } }),
    fine: [],
  },
  "connection.onRetry": {
    options: (onRetry) => ({ connection: { onRetry } }),
    fine: [
      "never settles",
      "returns undefined",
      "returns NaN",
      "returns a promise",
      "returns an object",
    ],
  },
};

for (const [place, { options, fine }] of Object.entries(PLACES)) {
  Deno.test(`A ${place} that misbehaves is reported, and neither its peer nor others are lost`, async () => {
    for (const [name, misbehave] of Object.entries(MISBEHAVIOURS)) {
      const { pool, clock, dialer, sockets } = setUp([new Error("refused")]);
      let calls = 0;
      let healthy = false;
      const given = options(() => {
        calls++;
        if (!healthy) return misbehave() as never;
        // A dialer has to work at last.
        return (place === "dialer"
          ? dialer.dial("ws://odd", {})
          : undefined) as never;
      });
      pool.connect("ws://odd.example", { id: "odd", ...given });
      await clock.advance(11_000);
      // One more loss, for those that are asked then.
      for (const socket of sockets) socket.end({ code: 1006 });
      pool.connect("ws://good.example", { id: "good" });
      await clock.advance(0);
      assertEquals(pool.isConnected("good"), true, name);
      await clock.advance(11_000);
      const errors = drainErrors(pool).filter(({ message }) =>
        message !== "refused"
      );
      assertEquals(calls > 0, true, `${name}: it was not called`);
      assertEquals(
        errors.length > 0,
        !fine.includes(name),
        `${name}: ${errors.join()}`,
      );
      healthy = true;
      pool.reconnect("odd");
      await clock.advance(100);
      assertEquals(pool.isConnected("odd"), true, name);
      assertEquals(pool.isConnected("good"), true, name);
      await pool.close();
      assertEquals(clock.pending, 0, name);
    }
  });
}

Deno.test("A workerFactory that misbehaves makes connect throw, and the peer is not known", async () => {
  for (const [name, misbehave] of Object.entries(MISBEHAVIOURS)) {
    const { pool } = setUp([], { workerFactory: () => misbehave() as never });
    const error = assertThrows(
      () => pool.connect("ws://a.example"),
      PoolError,
    );
    assertEquals([error.code, pool.peers], ["worker-failed", []], name);
    await pool.close();
  }
});

Deno.test("An onEvent that misbehaves is reported and changes nothing", async () => {
  for (const [name, misbehave] of Object.entries(MISBEHAVIOURS)) {
    const seen: string[] = [];
    const { pool, clock, sockets } = setUp([], {
      onEvent: ({ kind }) => {
        seen.push(kind);
        return misbehave();
      },
    });
    const id = pool.connect("ws://a.example");
    await clock.advance(0);
    sockets[0]?.end({ code: 1006 });
    await clock.advance(10_000);
    assertEquals(seen, ["connected", "disconnected", "connected"]);
    assertEquals(pool.isConnected(id), true);
    const reported = drainErrors(pool).length;
    assertEquals(reported, /throws|rejects/.test(name) ? 3 : 0, name);
    await pool.close();
  }
});

Deno.test("onEvent may remove, reconnect, add and close inside the call", async () => {
  const URL = "ws://a.example";
  for (const action of ["remove", "reconnect", "connect", "close"] as const) {
    for (const at of ["connected", "disconnected", "stopped"] as const) {
      let calls = 0;
      const { pool, clock, sockets } = setUp([], {
        shouldReconnect: () => at === "stopped" ? "stop" : "reconnect",
        onEvent: ({ kind, id }) => {
          if (kind !== at || calls++ > 0) return;
          if (action === "connect") pool.connect(URL, { id: "other" });
          else if (action === "close") void pool.close();
          else void pool[action](id);
        },
      });
      pool.connect(URL, { id: "a" });
      await clock.advance(0);
      sockets[0]?.end({ code: 1006 });
      await clock.advance(10_000);
      const expected = {
        remove: [],
        reconnect: ["a"],
        connect: ["a", "other"],
        close: [],
      };
      assertEquals(calls > 0, true);
      assertEquals(pool.peers, expected[action], `${action} at ${at}`);
      if (action === "reconnect") assertEquals(pool.isConnected("a"), true);
      await pool.close();
      assertEquals(clock.pending, 0, `${action} at ${at}`);
    }
  }
});

for (const name of ["onPing", "onPong", "onClose"] as const) {
  Deno.test(`A connection.${name} that misbehaves changes nothing`, async () => {
    for (const misbehave of Object.values(MISBEHAVIOURS)) {
      let calls = 0;
      const { pool, clock, sockets } = setUp([], {
        connection: {
          [name]: () => {
            calls++;
            return misbehave();
          },
        },
      });
      const id = pool.connect("ws://a.example");
      await clock.advance(0);
      sockets[0]?.receivePing();
      sockets[0]?.receivePong(new Uint8Array(1));
      assertEquals(pool.trySend(id, "x"), true);
      sockets[0]?.receiveClose(1_000);
      await clock.advance(10_000);
      assertEquals([calls, sockets.length], [1, 2]);
      assertEquals(pool.isConnected(id), true);
      await pool.close();
    }
  });
}

Deno.test("A socket of the user's own whose methods throw costs its connection at most", async () => {
  const fail = () => {
    throw new Error("thrown");
  };
  for (const method of ["ping", "close", "write", "terminate"] as const) {
    const { pool, clock, dialer } = setUp([], {
      connection: { pingInterval: 1_000, closeTimeout: 100 },
    });
    dialer.script((url) =>
      new MockSocket({ url, clock, behaviour: { [method]: fail } })
    );
    pool.connect("ws://odd.example", { id: "odd" });
    pool.connect("ws://good.example", { id: "good" });
    await clock.advance(5_000);
    try {
      pool.trySend("odd", "x");
    } catch {
      // It may throw at the call.
    }
    assertEquals(pool.trySend("good", "x"), true, method);
    const closed = pool.close();
    await clock.advance(2_000);
    await closed;
  }
});
