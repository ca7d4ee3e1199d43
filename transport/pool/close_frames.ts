import { ConnectionError, PoolError } from "../base/errors.ts";
import { checkFields } from "../base/options.ts";
import { checkCloseArguments } from "../connection/arguments.ts";
import { CLOSE_TOO_BIG } from "../protocol/wire/close.ts";
import type { CloseFrame } from "../socket/socket.ts";

/** The close frame that peers get from `remove` and `close` of a pool. */
export interface PoolCloseOptions {
  /**
   * The close code.
   *
   * @default {1000 of `remove`, 1001 of `close`}
   */
  readonly code?: number | undefined;
  /**
   * The reason, at most 123 bytes of UTF-8.
   *
   * @default {"" of `remove`, "The pool is closing" of `close`}
   */
  readonly reason?: string | undefined;
}

/**
 * Returns the close frame that a call asks for.
 *
 * @throws {ConfigError} `invalid-argument` if it may not be sent, `invalid-option` or `unknown-option` for options
 * that cannot be used.
 */
export function closeFrame(
  options: PoolCloseOptions,
  defaultCode: number,
  defaultReason: string,
): { readonly code: number; readonly reason: string } {
  checkFields("", { code: true, reason: true }, options);
  const { code = defaultCode } = options;
  // A reason belongs to its code.
  const { reason = options.code === undefined ? defaultReason : "" } = options;
  checkCloseArguments(code, reason);
  return { code, reason };
}

/**
 * Returns the close code and the reason for the event about the end of a connection. If the peer exceeded a limit, its
 * code takes precedence over the close frames, since the runtime's client cannot send it.
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
