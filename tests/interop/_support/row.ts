import {
  Connection,
  type Dialer,
  dialNative,
  type DialOptions,
  dialRaw,
} from "../../../mod.ts";
import { within } from "./deadline.ts";
import {
  type AcceptorName,
  acceptorUrl,
  INCOMING,
  openAcceptor,
  type Ours,
  PROTOCOLS,
} from "./acceptor.ts";
import type { Peer } from "./peer.ts";
import { type OpenOptions, Session } from "./session.ts";

/** The names of our dialers. */
export const DIALERS = ["dialRaw", "dialNative"] as const;
/** One of our dialers. */
export type DialerName = typeof DIALERS[number];

const HOST = "127.0.0.1";
const DIALER = { dialRaw, dialNative };

/** A peer and the part of ours that it talks to. */
export interface Row extends AsyncDisposable {
  /** The role of the peer. */
  readonly role: "client" | "server";
  /** Whether our end has raw sockets. */
  readonly raw: boolean;
  readonly peer: Peer;
  open(options?: OpenOptions): Promise<Session>;
}

/** A peer that dials one of our servers, maybe through a proxy at another origin. */
export async function clientRow(
  peer: Peer,
  name: AcceptorName,
  through?: { readonly port: number; readonly origin: string },
): Promise<Row> {
  const acceptor = await openAcceptor(name, { port: through?.port });
  const origin = through?.origin ?? `ws://${HOST}:${acceptor.port}`;
  return {
    role: "client",
    raw: acceptor.raw,
    peer,
    async open(options = {}) {
      const { compression = false, protocols = [] } = options;
      const id = peer.nextId();
      const url = acceptorUrl(origin, id, options);
      await peer.connect(id, url, { compression, protocols });
      const opened = await peer.report("open", id);
      const accepted = within("Accepting", acceptor.connection(id));
      return new Session(await accepted, id, peer, opened);
    },
    [Symbol.asyncDispose]: () => acceptor[Symbol.asyncDispose](),
  };
}

/** A peer that one of our dialers dials. */
export function serverRow(peer: Peer, name: DialerName): Row {
  const ports: Partial<Record<"plain" | "deflate", Promise<number>>> = {};
  const listen = (compression: boolean) =>
    ports[compression ? "deflate" : "plain"] ??= peer.listen({
      compression,
      protocols: PROTOCOLS,
    });
  return {
    role: "server",
    raw: name === "dialRaw",
    peer,
    async open(options = {}) {
      const id = peer.nextId();
      const port = await listen(options.compression ?? false);
      const url = `ws://${HOST}:${port}/${id}`;
      const ours = await dial(DIALER[name], url, socketOptions(options));
      const opened = await peer.report("open", id);
      return new Session(ours, id, peer, opened);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** One of our own servers as the peer, which we dial through a proxy. */
export function proxiedRow(
  peer: Peer,
  origin: string,
  through: Pick<DialOptions, "proxy" | "caCerts">,
): Row {
  return {
    role: "server",
    raw: true,
    peer,
    async open(options = {}) {
      const id = peer.nextId();
      const url = acceptorUrl(origin, id, options);
      const given = { ...through, ...socketOptions(options) };
      const ours = await dial(dialRaw, url, given);
      const opened = await peer.report("open", id);
      return new Session(ours, id, peer, opened);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function dial(
  dialer: Dialer,
  url: string,
  options: DialOptions,
): Promise<Ours> {
  const socket = await dialer(url, options);
  return {
    socket,
    connection: new Connection(socket, {
      pingInterval: 0,
      incomingBufferSize: INCOMING,
    }),
  };
}

function socketOptions({ compression, fragmentSize, protocols }: OpenOptions) {
  return {
    ...(protocols === undefined ? {} : { protocols }),
    ...(compression ? { compression: { threshold: 0 } } : {}),
    ...(fragmentSize === undefined ? {} : { fragmentSize }),
  };
}
