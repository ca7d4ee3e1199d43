import {
  type AcceptOptions,
  type Incoming,
  listen,
  type Listener,
  type Message,
  type Socket,
} from "../../mod.ts";

/** The port of a TCP address. */
export function portOf(addr: { transport: string; port?: number }): number {
  return addr.port ?? 0;
}

/** A connection that a {@link GoodServer} accepted. */
export interface Accepted {
  readonly incoming: Incoming;
  readonly socket: Socket;
  /** What arrived, in order. */
  readonly received: Message[];
}

/** A WebSocket server that accepts everybody. */
export interface GoodServer {
  readonly listener: Listener;
  readonly url: string;
  /** All connections there ever were. */
  readonly accepted: Accepted[];
  /** Cuts all connections. */
  cut(): void;
  /** Cuts all connections and closes the port. */
  close(): Promise<void>;
}

/** Starts a server on a port of its own, or a given one. */
export async function goodServer(
  options: AcceptOptions & { readonly port?: number } = {},
): Promise<GoodServer> {
  const { port = 0, ...accept } = options;
  const listener = listen({ hostname: "127.0.0.1", port });
  await listener.ready;
  const accepted: Accepted[] = [];
  const accepting = (async () => {
    for await (const incoming of listener) {
      const socket = incoming.accept(accept);
      const received: Message[] = [];
      socket.start({
        message(data) {
          received.push(typeof data === "string" ? data : data.slice());
          return true;
        },
        ping() {},
        pong() {},
        drain() {},
        end() {},
      });
      accepted.push({ incoming, socket, received });
    }
  })();
  const cut = () => {
    for (const { socket } of accepted) socket.terminate();
  };
  return {
    listener,
    url: `ws://127.0.0.1:${portOf(listener.addr)}`,
    accepted,
    cut,
    async close() {
      cut();
      await listener.close();
      await accepting;
    },
  };
}
