import { Buffer } from "node:buffer";
import { ConfigError } from "../base/errors.ts";
import { isValidCloseCode, MAX_CLOSE_REASON } from "../protocol/close.ts";

/**
 * Refuses what may not go into a close frame (RFC 6455, sections 5.5.1 and 7.4).
 *
 * @throws {ConfigError} `invalid-argument`.
 */
export function checkCloseArguments(
  code: number | undefined,
  reason: string,
): void {
  if (code !== undefined && !isValidCloseCode(code)) {
    throw new ConfigError(
      "invalid-argument",
      "code",
      `Cannot close as code must be one that may be sent (1000 to 1003, 1007 to 1014, 3000 to 4999): current value is ${code}`,
    );
  }
  if (typeof reason !== "string") {
    throw new ConfigError(
      "invalid-argument",
      "reason",
      `Cannot close as reason must be a string: current value is of type ${typeof reason}`,
    );
  }
  if (code === undefined && reason !== "") {
    throw new ConfigError(
      "invalid-argument",
      "reason",
      "Cannot close as reason must come with a code: current value has none",
    );
  }
  const size = Buffer.byteLength(reason);
  if (size > MAX_CLOSE_REASON) {
    throw new ConfigError(
      "invalid-argument",
      "reason",
      `Cannot close as reason must be at most ${MAX_CLOSE_REASON} bytes of UTF-8: current value has ${size}`,
    );
  }
}
