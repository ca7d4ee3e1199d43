import { assert, assertEquals } from "@std/assert";
import { Connection, dialRaw, OutboundPool } from "../../../mod.ts";
import { pause, within } from "../_support/deadline.ts";
import { acceptorUrl } from "../_support/acceptor.ts";

/** Seconds without data after which the proxies of these checks cut a connection. */
export const IDLE_TIMEOUT = 2;
const SHORT_PING = 400;
const WATCHED = 2_500 * IDLE_TIMEOUT;

/** Our client pings more often than the proxy's timeout: the connection stays. */
export async function pingedByClient(origin: string): Promise<void> {
  await stays(acceptorUrl(origin, "pinged-by-client", {}), SHORT_PING);
}

/** Our server pings more often than the proxy's timeout: the connection stays. */
export async function pingedByServer(origin: string): Promise<void> {
  // A server on Deno's own WebSocket counts its timeouts in whole seconds, and pings after half of one.
  const wishes = { pingInterval: 500 };
  await stays(acceptorUrl(origin, "pinged-by-server", wishes), 0);
}

/** No side pings in time: the proxy cuts, the connection reports it, and a pool dials again. */
export async function notPinged(origin: string): Promise<void> {
  const connection = await dial(acceptorUrl(origin, "not-pinged", {}), 0);
  const pool = new OutboundPool("idle", {
    worker: { reconnectDelay: 50 },
    connection: { pingInterval: 60_000, proxy: false },
  });
  try {
    const id = pool.connect(acceptorUrl(origin, "not-pinged-in-time", {}));
    for (const kind of ["connected", "disconnected", "connected"]) {
      const event = await within(
        `The event "${kind}" of the pool`,
        nextEvent(pool, ["connected", "disconnected"]),
      );
      assertEquals([event?.kind, event?.id], [kind, id]);
    }
    const end = await within("The end of the connection", connection.closed);
    assertEquals([end.code, end.clean], [1006, false]);
  } finally {
    connection.terminate();
    await pool.close();
  }
}

async function nextEvent(pool: OutboundPool, kinds: readonly string[]) {
  for (;;) {
    const event = await pool.events.take();
    if (event === undefined || kinds.includes(event.kind)) return event;
  }
}

async function stays(url: string, pingInterval: number): Promise<void> {
  const connection = await dial(url, pingInterval);
  await pause(WATCHED);
  assertEquals(connection.state, "connected");
  await connection.send("still there");
  const echo = await within("An echo", connection.incoming.take());
  assertEquals(echo, "still there");
  const { clean } = await connection.close();
  assert(clean, "The close was not clean");
}

async function dial(url: string, pingInterval: number): Promise<Connection> {
  const connection = new Connection(url, {
    dialer: dialRaw,
    retry: false,
    proxy: false,
    pingInterval,
  });
  await connection.connect();
  return connection;
}
