import { ConnectionError, reasonOf } from "../base/errors.ts";
import {
  CLOSE_ABNORMAL,
  CLOSE_GOING_AWAY,
  CLOSE_INTERNAL_ERROR,
  CLOSE_NO_STATUS,
  CLOSE_NORMAL,
  CLOSE_TOO_BIG,
} from "../protocol/wire/close.ts";
import { ProtocolError } from "../protocol/wire/errors.ts";
import type { CloseFrame, SocketEnd } from "../socket/socket.ts";

/** The close codes of a clean end (RFC 6455, section 7.4.1). */
const CLEAN_CODES = [CLOSE_NORMAL, CLOSE_GOING_AWAY, CLOSE_NO_STATUS];

/**
 * Returns the error for an end that the user did not ask for.
 *
 * @param failure Why we ended the connection ourselves, if we did.
 */
export function classifyEnd(
  end: SocketEnd,
  failure: ConnectionError | undefined,
): ConnectionError {
  const cause = failure ?? end.error;
  if (cause !== undefined) {
    return new ConnectionError(
      cause instanceof ConnectionError ? cause.code : "read-error",
      describeFailure(cause),
      { cause, ...closeOf(end, cause) },
    );
  }
  return new ConnectionError(
    CLEAN_CODES.includes(end.code)
      ? "peer-closed-clean"
      : "peer-closed-unexpected",
    end.code === CLOSE_ABNORMAL
      ? "Cannot use the connection: the peer's stream ended without a close frame."
      : `Cannot use the connection: the peer closed it with ${describe(end)}.`,
    { closeCode: end.code, reason: end.reason },
  );
}

/**
 * Returns the error for a message that cannot be sent any more.
 *
 * @param received The close frame of the peer, if it has come.
 * @param cause The error that ended the connection, if it is known.
 */
export function cannotSend(
  received: CloseFrame | undefined,
  cause?: ConnectionError,
): ConnectionError {
  const { code: closeCode, reason } = received ??
    { code: cause?.closeCode, reason: cause?.reason };
  return new ConnectionError(
    "connection-closed",
    received === undefined
      ? `Cannot send: the connection ${
        cause === undefined ? "is closed" : "was lost"
      }.`
      : `Cannot send: the peer closed the connection with ${
        describe(received)
      }.`,
    { closeCode, reason, ...(cause && { cause }) },
  );
}

function describe({ code, reason }: CloseFrame): string {
  return `code ${code}${reason && ` and the reason ${JSON.stringify(reason)}`}`;
}

/** Returns the error for a streamed message that can neither be completed nor taken back (RFC 6455, section 5.4). */
export function streamAborted(cause: unknown): ConnectionError {
  return new ConnectionError(
    "stream-aborted",
    "Cannot complete a streamed message: its source failed or was aborted.",
    { cause, closeCode: CLOSE_INTERNAL_ERROR },
  );
}

/** Returns the error for more messages than may wait, on a socket whose reading cannot be paused. */
export function tooManyWaiting(
  limits: { incomingBufferSize: number; incomingBufferBytes: number },
): ConnectionError {
  const { incomingBufferSize, incomingBufferBytes } = limits;
  return new ConnectionError(
    "read-error",
    `Cannot keep more messages: incomingBufferSize (${incomingBufferSize}) or incomingBufferBytes (${incomingBufferBytes}) is exceeded. Read faster, or raise the limit.`,
    { closeCode: CLOSE_TOO_BIG },
  );
}

/** The message of a failure of the socket: that of our own errors, else one that says what could not be done. */
export function describeFailure(cause: Error): string {
  const { message } = cause;
  return cause instanceof ProtocolError || message.startsWith("Cannot ")
    ? message
    : `Cannot use the connection: ${reasonOf(cause)}`;
}

/**
 * Returns the code with which the connection ended: that of the failure, even if the runtime's client could not send
 * it; otherwise the peer's, or ours if the peer sent none.
 */
function closeOf(
  { code, reason, received, sent }: SocketEnd,
  cause: Error,
): { closeCode: number; reason: string } {
  const known = cause instanceof ProtocolError ||
    cause instanceof ConnectionError;
  const meant = known ? cause.closeCode : undefined;
  const ours = received === undefined ? sent : undefined;
  if (ours !== undefined && (meant === undefined || meant === ours.code)) {
    return { closeCode: ours.code, reason: ours.reason };
  }
  return meant === undefined
    ? { closeCode: code, reason }
    : { closeCode: meant, reason: cause.message };
}
