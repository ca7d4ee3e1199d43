import { FakeClock } from "../../../testing/fake_clock.ts";
import { socketPair } from "../../../testing/socket_pair.ts";
import { Connection } from "../connection.ts";
import type { ConnectionOptions } from "../options.ts";

/** A URL for dialers that connect to nothing. */
export const TARGET = "ws://a.test";

/**
 * Returns two connections over a pair of sockets in memory. The options are those of the client; the server sends no
 * pings.
 */
export function connectionPair(
  options: ConnectionOptions = {},
): { client: Connection; server: Connection; clock: FakeClock } {
  const clock = new FakeClock();
  const sockets = socketPair({ clock });
  return {
    client: new Connection(sockets.client, { clock, ...options }),
    server: new Connection(sockets.server, { clock, pingInterval: 0 }),
    clock,
  };
}
