import type { SocketEnd } from "../transport/socket/socket.ts";

/** How a socket ended, what is left out being as after a cut by the peer. */
export function socketEnd(end: Partial<SocketEnd>): SocketEnd {
  return {
    code: 1006,
    reason: "",
    clean: false,
    initiator: "peer",
    received: undefined,
    sent: undefined,
    error: undefined,
    inactive: false,
    dropped: 0,
    ...end,
  };
}
