/**
 * Every option of a dialling side that is a function, given one that does what it should not: each has an outcome, the process lives, and
 * the other peers notice nothing. The compiler asks for an entry when an option is added.
 */

import { assert, assertEquals } from "@std/assert";
import {
  Connection,
  type ConnectionOptions,
  type ConnectOptions,
  dialRaw,
  type InboundPool,
  OutboundPool,
  type OutboundPoolOptions,
} from "../mod.ts";
import { eventually, FakeClock, LogCapture } from "../testing/mod.ts";
import { constant, retry, type RetryOptions } from "../transport/mod.ts";
import {
  HOST,
  OBSERVER,
  QUICK,
  type Table,
  table,
  withServer,
} from "./_support/callbacks.ts";

table<ConnectionOptions>("connection", {
  dialer: "dial-failed",
  headers: { rest: "dial-failed", "returns undefined": "connected" },
  retry: "connected",
  onRetry: OBSERVER,
  onPing: OBSERVER,
  onPong: OBSERVER,
  onFrame: OBSERVER,
  onClose: OBSERVER,
}, (name, act) =>
  withServer(async (port, server) => {
    const log = new LogCapture();
    let dials = 0;
    // The last attempt of each has to succeed where a retry is what is tested.
    const retries = name === "retry" || name === "onRetry";
    const connection = new Connection(`ws://${HOST}:${port}/odd`, {
      ...QUICK,
      logger: log,
      retry: retries ? { initialDelay: 1 } : false,
      ...(retries && {
        dialer: (url: string, options: object) =>
          dials++ === 0
            ? Promise.reject(new Error("again"))
            : dialRaw(url, options),
      }),
      [name]: act,
    });
    let outcome = "connected";
    try {
      await connection.connect();
      await connection.send("hello");
      assertEquals(await connection.incoming.take(), "hello");
      // A ping each way.
      await connection.ping();
      await new Promise((resolve) => setTimeout(resolve, 30));
      assertEquals(connection.state, "connected");
    } catch (error) {
      outcome = `${Reflect.get(Object(error), "code")}`;
    }
    for (const id of server.peers) await server.remove(id);
    if (outcome === "connected") await connection.closed;
    await connection.close();
    await new Promise((resolve) => setTimeout(resolve, 0));
    const wrong = log.records.some(({ level, message }) =>
      level === "error" && /callback/i.test(message)
    );
    return wrong && outcome === "connected" && name !== "retry"
      ? `${outcome}, logged`
      : outcome;
  }));

/** A retry that succeeds at the second attempt. The clock goes on as fast as it is waited for. */
table<RetryOptions>("retry", {
  onRetry: {
    rest: "done",
    "throws": "done, reported",
    "throws undefined": "done, reported",
    "rejects": "done, reported",
  },
  isRetryable: "done, reported",
  minDelay: { rest: "done, reported", "returns a number": "done" },
  onError: "done",
}, async (name, act) => {
  const clock = new FakeClock();
  let errors = 0;
  const retrying = retry(
    (attempt) => attempt === 1 ? Promise.reject(new Error("again")) : "done",
    constant(10),
    { clock, onError: () => errors++, [name]: act },
  );
  await clock.advance(1_000);
  const outcome = await retrying;
  return errors === 0 ? outcome : `${outcome}, reported`;
});

/** The outcomes of the options that both an outbound pool and `connect` have. */
const OUTBOUND: Table<ConnectOptions> = {
  dialer: "reported",
  headers: { rest: "reported", "returns undefined": "connected" },
  onConnected: {
    rest: "connected",
    "throws": "reported",
    "throws undefined": "reported",
    "rejects": "reported",
    "never settles": "reported",
  },
  shouldReconnect: {
    rest: "reconnected, reported",
    "returns undefined": "reconnected",
    "returns a number": "reconnected",
  },
};

/** Whether something happens within some milliseconds. */
async function within(
  ms: number,
  happens: (signal: AbortSignal) => Promise<unknown>,
): Promise<boolean> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), ms);
  const came = await happens(late.signal).then(() => true, () => false);
  clearTimeout(timer);
  return came;
}

async function outbound(
  port: number,
  server: InboundPool,
  pool: OutboundPool,
  options: ConnectOptions,
  name: string,
): Promise<string> {
  const reported = () => pool.errors.size > 0;
  const good = pool.connect(`ws://${HOST}:${port}/good`, {
    dialer: dialRaw,
    headers: {},
    onConnected: () => {},
    shouldReconnect: () => "reconnect",
  });
  await pool.whenConnected(good);
  const odd = pool.connect(`ws://${HOST}:${port}/odd`, options);
  await eventually(() => reported() || pool.isConnected(odd));
  const up = !reported();
  let outcome = up ? "connected" : "not connected";
  if (up && name === "shouldReconnect") {
    // It is asked when the connection is lost.
    for (const id of server.peers) await server.remove(id, { code: 1011 });
    for (let lost = false; !lost;) {
      const event = await pool.events.take();
      lost = event?.id === odd && event.kind === "disconnected";
    }
    assert(
      await within(3_000, (signal) => pool.whenConnected(odd, { signal })),
    );
    outcome = reported() ? "reconnected, reported" : "reconnected";
  } else if (reported()) outcome = "reported";
  await pool.whenConnected(good);
  await pool.send(good, "hello");
  for (;;) {
    const message = await pool.inbox.take();
    if (message?.id === good) break;
  }
  await pool.close();
  return outcome;
}

const RECONNECT = {
  connection: { ...QUICK, retry: { initialDelay: 5, maxDelay: 20 } },
  worker: { reconnectDelay: 5, maxReconnectDelay: 20 },
};

table<ConnectOptions>(
  "connect",
  OUTBOUND,
  (name, act) =>
    withServer((port, server) =>
      outbound(
        port,
        server,
        new OutboundPool("pool", { dialer: dialRaw, ...RECONNECT }),
        { [name]: act },
        name,
      )
    ),
);

table<OutboundPoolOptions>("outbound pool", {
  ...OUTBOUND,
  onEvent: {
    rest: "connected",
    "throws": "reported",
    "throws undefined": "reported",
    "rejects": "reported",
  },
  workerFactory: "refused",
}, (name, act) =>
  withServer(async (port, server) => {
    const pool = new OutboundPool("pool", {
      dialer: dialRaw,
      ...RECONNECT,
      [name]: act,
    });
    if (name !== "workerFactory") {
      return await outbound(port, server, pool, {}, name);
    }
    try {
      pool.connect(`ws://${HOST}:${port}/odd`);
      return "taken";
    } catch {
      assert(pool.peers.length === 0);
      return "refused";
    } finally {
      await pool.close();
    }
  }));
