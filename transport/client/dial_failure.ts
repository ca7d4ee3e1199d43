import {
  ConfigError,
  ConnectionError,
  reasonOf,
  toError,
} from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";

/** Returns what a caller sees of a failed dial. */
export function dialFailure(
  url: URL,
  thrown: unknown,
  signal: AbortSignal,
  callerSignal: AbortSignal | undefined,
): unknown {
  if (callerSignal?.aborted) return signal.reason;
  const error = toError(thrown);
  // A refusal whose body did not end in time is still a refusal.
  const isRefusal = error instanceof HandshakeError &&
    error.status !== undefined;
  if (signal.aborted && !isRefusal) return signal.reason;
  if (
    error instanceof HandshakeError || error instanceof ConfigError ||
    error instanceof ConnectionError
  ) return error;
  return new ConnectionError(
    "dial-failed",
    `Cannot connect to ${url.host}: ${reasonOf(error)}${hintOf(error)}`,
    { cause: error },
  );
}

/** TLS libraries call an answer in plain text a message of the wrong type or version. */
function hintOf({ message }: Error): string {
  return /InvalidContentType|wrong version number/i.test(message)
    ? " The server does not seem to speak TLS on this port."
    : "";
}
