import { checkFields } from "../base/options.ts";
import { checkCloseArguments } from "../connection/arguments.ts";

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
