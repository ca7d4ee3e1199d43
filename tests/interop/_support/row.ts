import { Connection, dialNative, dialRaw } from "../../../mod.ts";
import { within } from "./deadline.ts";
import { type DoorName, doorUrl, openDoor, PROTOCOLS } from "./door.ts";
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

/** A peer that dials one of our servers. */
export async function clientRow(peer: Peer, name: DoorName): Promise<Row> {
  const door = await openDoor(name);
  const origin = `ws://${HOST}:${door.port}`;
  return {
    role: "client",
    raw: door.raw,
    peer,
    async open(options = {}) {
      const { compression = false, protocols = [] } = options;
      const id = peer.nextId();
      const url = doorUrl(origin, id, options);
      await peer.connect(id, url, { compression, protocols });
      const opened = await peer.report("open", id);
      const accepted = within("Accepting", door.connection(id));
      return new Session(await accepted, id, peer, opened);
    },
    [Symbol.asyncDispose]: () => door[Symbol.asyncDispose](),
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
    async open({ compression = false, fragmentSize, protocols } = {}) {
      const id = peer.nextId();
      const url = `ws://${HOST}:${await listen(compression)}/${id}`;
      const connection = new Connection(url, {
        dialer: DIALER[name],
        pingInterval: 0,
        retry: false,
        ...(protocols === undefined ? {} : { protocols }),
        ...(compression ? { compression: { threshold: 0 } } : {}),
        ...(fragmentSize === undefined ? {} : { fragmentSize }),
      });
      await connection.connect();
      const opened = await peer.report("open", id);
      return new Session(connection, id, peer, opened);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
