import { ConfigError, ConnectionError, toError } from "../base/errors.ts";
import { urlForLog } from "../base/url.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { openFailure, unreachable } from "../net/stream/open_failure.ts";
import type { DialOptions } from "./dialer.ts";

/** Returns what a caller sees of a failed dial. */
export function dialFailure(
  url: string,
  options: Pick<DialOptions, "signal" | "unix">,
  thrown: unknown,
  signal: AbortSignal,
): unknown {
  if (options.signal?.aborted) return signal.reason;
  const error = toError(thrown);
  // A refusal whose body did not end in time is still a refusal.
  const isRefusal = error instanceof HandshakeError &&
    error.status !== undefined;
  if (signal.aborted && !isRefusal) return signal.reason;
  if (
    error instanceof HandshakeError || error instanceof ConfigError ||
    error instanceof ConnectionError
  ) return error;
  const { unix } = options;
  if (unix !== undefined) return unreachable(`the Unix socket ${unix}`, error);
  return new ConnectionError(
    "dial-failed",
    `Cannot connect to ${urlForLog(url)}: ${openFailure(error)}`,
    { cause: error },
  );
}
