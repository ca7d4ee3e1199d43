import { cutEnd } from "../transport/socket/cut_end.ts";
import type { SocketEnd } from "../transport/socket/socket.ts";

/** Returns how a socket ended. Fields that are left out are as after a reset by the peer. */
export function socketEnd(end: Partial<SocketEnd>): SocketEnd {
  return { ...cutEnd(), initiator: "peer", ...end };
}
