import type { SocketEnd } from "./socket.ts";

/** Returns the end of a connection that our side terminated, or that never opened. */
export function cutEnd(error?: Error): SocketEnd {
  return {
    code: 1006,
    reason: "",
    clean: false,
    initiator: "local",
    received: undefined,
    sent: undefined,
    error,
    inactive: false,
    dropped: 0,
  };
}
