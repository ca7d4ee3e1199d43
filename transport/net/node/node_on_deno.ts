/**
 * What servers of `node:net` lack on Deno.
 *
 * @module
 */

import type { Server } from "node:net";
import { builtin } from "../../base/runtime.ts";
import type { PeerAddress } from "../stream/address.ts";
import { socketWithSharedRead } from "./shared_read.ts";

/** The address on which a server should listen. */
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
 * @throws What the runtime throws if it cannot listen on the address.
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
    handle: reusePort
      ? undefined
      : createHandle(ip, granted, builtin("node:net").isIP(ip)),
  };
}

function createHandle(
  address: string,
  port: number,
  type: number,
): object | undefined {
  const create: unknown = Reflect.get(
    builtin("node:net"),
    "_createServerHandle",
  );
  if (typeof create !== "function") return undefined;
  const handle: unknown = create(address, port, type);
  if (typeof handle !== "number") {
    return typeof handle === "object" && handle !== null ? handle : undefined;
  }
  const code = builtin("node:util").getSystemErrorName(handle);
  throw Object.assign(
    new Error(`Cannot listen on ${address}: the system says ${code}.`),
    { code },
  );
}

/**
 * Makes the sockets that a server accepts share one read buffer, if the runtime can do that. The sockets are paused.
 */
export function shareReads(server: Server): void {
  if (typeof Reflect.get(server, "_createSocket") !== "function") return;
  Reflect.set(server, "_createSocket", (handle: object) => {
    const socket = socketWithSharedRead(handle);
    // As the runtime's own method does.
    return Object.assign(socket, { server, _server: server });
  });
}
