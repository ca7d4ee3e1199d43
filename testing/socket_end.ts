import { cutEnd } from "../transport/socket/cut_end.ts";
import type { SocketEnd } from "../transport/socket/socket.ts";

/** Returns how a socket ended. What is left out is as after a cut by the peer. */
export function socketEnd(end: Partial<SocketEnd>): SocketEnd {
  return { ...cutEnd(), initiator: "peer", ...end };
}
