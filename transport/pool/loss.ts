import { ConnectionError, PoolError } from "../base/errors.ts";
import { CLOSE_TOO_BIG } from "../protocol/wire/close.ts";
import type { CloseFrame } from "../socket/socket.ts";

/**
 * Returns the close code and the reason for the event about the end of a connection. A limit of ours that the peer broke
 * counts more than the close frames: the runtime's client cannot send its code.
 *
 * @param frame What the close frames say.
 * @param error What ended the connection, if that was not the user.
 */
export function lossOf(
  frame: CloseFrame,
  error: Error | undefined,
): { readonly closeCode: number; readonly reason: string } {
  if (error instanceof PoolError && error.code === "messages-dropped") {
    return { closeCode: CLOSE_TOO_BIG, reason: error.message };
  }
  return error instanceof ConnectionError && error.closeCode !== undefined
    ? { closeCode: error.closeCode, reason: error.reason ?? frame.reason }
    : { closeCode: frame.code, reason: frame.reason };
}
