import { ConnectionError } from "../base/errors.ts";
import type { SocketEnd } from "../socket/socket.ts";

/** How a connection that never was open ended. */
export const NEVER_OPEN: SocketEnd = {
  code: 1006,
  reason: "",
  clean: false,
  initiator: "local",
  received: undefined,
  sent: undefined,
  error: undefined,
  inactive: false,
};

/** The one error for an end that the user did not ask for. */
export function classifyEnd(
  end: SocketEnd,
  failure: ConnectionError | undefined,
): ConnectionError {
  const cause = failure ?? end.error;
  if (cause !== undefined) {
    return new ConnectionError("read-error", cause.message, {
      cause,
      closeCode: end.code,
      reason: end.reason,
    });
  }
  const clean = [1000, 1001, 1005].includes(end.code);
  return new ConnectionError(
    clean ? "peer-closed-clean" : "peer-closed-unexpected",
    end.code === 1006
      ? "The peer's stream ended without a close frame"
      : `The peer closed with ${end.code}${end.reason && `: ${end.reason}`}`,
    { closeCode: end.code, reason: end.reason },
  );
}
