import { ConnectionError } from "../base/errors.ts";
import {
  HandshakeError,
  type HandshakeErrorCode,
} from "../handshake/errors.ts";
import { openFailure } from "../net/stream/open_failure.ts";

/** Runtimes give the status of a refused handshake only in the text of their error, if at all. */
const STATUS = /(?:Invalid|Expected 101) status code: (\d{3})/;
/** The text that runtimes put before the reason. It is left out, since the query of the URL may contain secrets. */
const PREFIX =
  /^(?:failed to connect to WebSocket|WebSocket connection to '.*' failed): /s;

/** Redirects, which a WebSocket client need not follow (RFC 6455, section 4.1). */
const REDIRECTS = [301, 302, 303, 307, 308];

/** Returns the error of an `ErrorEvent` of the runtime's WebSocket. No other event gives a cause. */
export function eventError(event: Event): Error {
  // Node.js 22 has such events, but no global `ErrorEvent`.
  const error: unknown = Reflect.get(event, "error");
  const message: unknown = Reflect.get(event, "message");
  if (error instanceof Error) return error;
  return new Error(
    typeof message === "string"
      ? message
      : "The WebSocket failed without a message.",
  );
}

/**
 * Converts the runtime's error about a WebSocket that never opened.
 *
 * A response with another status than 101 is a {@link HandshakeError} with that status; its
 * headers are lost. Every other error is a {@link ConnectionError} `dial-failed`.
 */
export function connectFailure(
  thrown: Error,
): HandshakeError | ConnectionError {
  const reason = thrown.message.replace(PREFIX, "");
  const cause = reason === thrown.message ? thrown : new Error(reason);
  const found = STATUS.exec(cause.message)?.[1];
  if (found === undefined) {
    return new ConnectionError(
      "dial-failed",
      `Cannot connect: ${openFailure(cause)}`,
      { cause },
    );
  }
  const status = Number(found);
  const isRedirect = REDIRECTS.includes(status);
  const code: HandshakeErrorCode = isRedirect ? "redirected" : "refused";
  return new HandshakeError(
    code,
    `Cannot connect: the server answered ${status} instead of 101.${
      isRedirect ? " Redirects are not followed." : ""
    }`,
    { status, cause },
  );
}

/** Returns the error for an opening handshake that took too long. */
export function handshakeTimedOut(
  timeout: number,
  role: "client" | "server",
): HandshakeError {
  const limit = `handshakeTimeout (${timeout} ms)`;
  return new HandshakeError(
    "timeout",
    role === "client"
      ? `Cannot connect: the handshake took longer than ${limit}.`
      : `Cannot accept the peer: the connection did not open within ${limit}. The peer has left, or the response was not returned.`,
  );
}

/** Returns the error for a closing handshake that took too long. */
export function closeTimedOut(timeout: number): ConnectionError {
  return new ConnectionError(
    "close-timeout",
    `Cannot complete the closing handshake: the peer did not answer our close frame within closeTimeout (${timeout} ms).`,
  );
}
