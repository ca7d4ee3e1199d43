/** What the tests of `upgrade` share: servers of the runtime on loopback. */

import { WirePeer } from "../../_support/native.ts";
import type { Socket } from "../../socket/socket.ts";
import { refusal, upgrade, type UpgradeOptions } from "../upgrade.ts";

export interface BareServer extends AsyncDisposable {
  readonly port: number;
}

/** A server that upgrades everything, and what it made of the requests. */
export interface Server extends BareServer {
  /** The next socket. */
  readonly socket: Promise<Socket>;
}

export function serve(
  options: UpgradeOptions = {},
  prepare: (socket: Socket) => void | Promise<void> = () => {},
): Server {
  const made = Promise.withResolvers<Socket>();
  const server = serveBare(async (request, { remoteAddr }) => {
    try {
      const { socket, response } = upgrade(request, { remoteAddr, ...options });
      await prepare(socket);
      made.resolve(socket);
      return response;
    } catch (error) {
      return refusal(error);
    }
  });
  return Object.assign(server, { socket: made.promise });
}

export function serveBare(
  handler: Deno.ServeHandler<Deno.NetAddr>,
): BareServer {
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
  }, handler);
  return {
    port: server.addr.port,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** The status line and headers of the answer to a request. */
export async function answerTo(head: string, options?: UpgradeOptions) {
  await using server = serve(options);
  using peer = await WirePeer.request(server.port, head);
  return await peer.readHead();
}
