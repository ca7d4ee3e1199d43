/**
 * What servers of `node:net` lack on Deno.
 *
 * @module
 */

import { EventEmitter } from "node:events";
import * as net from "node:net";
import { clearInterval, setInterval } from "node:timers";
import { getSystemErrorName } from "node:util";
import { toError } from "../../base/errors.ts";
import { onDeno } from "../../base/runtime.ts";
import type { PeerAddress } from "../stream/address.ts";
import { socketWithSharedRead } from "./shared_read.ts";
import { isShortage } from "../stream/shortage.ts";

/** Milliseconds between two looks at a server. */
const LOOK_EVERY = 500;
const BACKLOG = 511;

/** Where a server is to listen. */
export interface ServerAddress {
  readonly port: number;
  readonly hostname: string;
  readonly path: string | undefined;
  readonly reusePort: boolean;
}

/** An address that the system has granted. */
export interface BoundAddress {
  readonly addr: PeerAddress;
  /** What `Server.listen` takes to listen at once; `undefined` if it needs the address. */
  readonly handle: object | undefined;
}

/**
 * Asks the system for an address, so that a server listens on it at once.
 *
 * @throws What the runtime throws when the address cannot be had.
 */
export function bindAddress(
  { port, hostname, path, reusePort }: ServerAddress,
): BoundAddress {
  if (path !== undefined) {
    return {
      addr: { transport: "unix", path },
      handle: createHandle(path, -1, -1),
    };
  }
  if (reusePort && port !== 0) {
    return { addr: { transport: "tcp", hostname, port }, handle: undefined };
  }
  // Throws the runtime's own errors, resolves the name, and finds a free port.
  const probe = Deno.listen({ hostname, port });
  probe.close();
  const { hostname: ip, port: granted } = probe.addr;
  return {
    addr: { transport: "tcp", hostname: ip, port: granted },
    // A handle that is created here cannot have SO_REUSEPORT.
    handle: reusePort ? undefined : createHandle(ip, granted, net.isIP(ip)),
  };
}

function createHandle(
  address: string,
  port: number,
  type: number,
): object | undefined {
  const create: unknown = Reflect.get(net, "_createServerHandle");
  if (typeof create !== "function") return undefined;
  const handle: unknown = create(address, port, type);
  if (typeof handle !== "number") {
    return typeof handle === "object" && handle !== null ? handle : undefined;
  }
  const code = getSystemErrorName(handle);
  throw Object.assign(
    new Error(`Cannot listen on ${address}: the system says ${code}.`),
    { code },
  );
}

/** Lets the sockets that a server accepts share one read buffer, if the runtime has a way. They are paused. */
export function shareReads(server: net.Server): void {
  if (typeof Reflect.get(server, "_createSocket") !== "function") return;
  Reflect.set(server, "_createSocket", (handle: object) => {
    const socket = socketWithSharedRead(handle);
    // As the runtime's own method does.
    return Object.assign(socket, { server, _server: server });
  });
}

/**
 * Has a server accept again after the process had no descriptors left: Deno's `node:net` goes deaf then, and says nothing.
 *
 * @param hostname The address or name that it was asked to listen on.
 * @param addr The address that it listens on.
 * @param onShortage Called once for each time that the process has no descriptors left.
 * @returns A function that ends it.
 */
export function keepAccepting(
  server: net.Server,
  hostname: string,
  addr: PeerAddress,
  onShortage: (error: Error) => void,
): () => void {
  let isShort = false;
  const timer = setInterval(() => {
    const shortage = findShortage(addr, hostname);
    if (shortage !== undefined && !isShort) onShortage(shortage);
    isShort = shortage !== undefined;
    listenAgain(server);
  }, LOOK_EVERY);
  timer.unref();
  return () => clearInterval(timer);
}

/** Servers of the caller's that are looked after. */
const lookedAfter = new WeakSet<EventEmitter>();

/**
 * Has the caller's server, of which `stream` is a connection, accept again after the process had no descriptors left,
 * until the server is closed. Does nothing on other runtimes, which need no help, and for streams without a server.
 */
export function keepServerAccepting(stream: object): void {
  if (!onDeno) return;
  const server: unknown = Reflect.get(stream, "server");
  if (!(server instanceof EventEmitter) || lookedAfter.has(server)) return;
  lookedAfter.add(server);
  const timer = setInterval(() => listenAgain(server), LOOK_EVERY);
  timer.unref();
  server.once("close", () => {
    clearInterval(timer);
    lookedAfter.delete(server);
  });
}

/** Asks for an address that cannot be had, since `addr` is in use: the error shows whether there are descriptors. */
function findShortage(addr: PeerAddress, hostname: string): Error | undefined {
  try {
    const probe = addr.transport === "unix"
      ? Deno.listen({ transport: "unix", path: `${addr.path}/probe` })
      : Deno.listen({ hostname, port: addr.port });
    probe.close();
  } catch (thrown) {
    const error = toError(thrown);
    if (isShortage(error)) return error;
  }
  return undefined;
}

/** Wakes a server that has gone deaf. Harmless to one that has not. */
function listenAgain(server: object): void {
  const handle: unknown = Reflect.get(server, "_handle");
  if (typeof handle !== "object" || handle === null) return;
  const listen: unknown = Reflect.get(handle, "listen");
  if (typeof listen === "function") Reflect.apply(listen, handle, [BACKLOG]);
}
