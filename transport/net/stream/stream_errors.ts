import { ConnectionError } from "../../base/errors.ts";

/** Returns the error of a write while another one is under way, or after our side of the stream has ended. */
export function refusedWrite(hasEnded: boolean): ConnectionError {
  return hasEnded
    ? new ConnectionError(
      "connection-closed",
      "Cannot write: our side of the stream has ended.",
    )
    : new ConnectionError(
      "invalid-state",
      "Cannot write: another write is under way. Wait until it is complete.",
    );
}

/** Returns the error of a read while another one is under way. */
export function refusedRead(): ConnectionError {
  return new ConnectionError(
    "invalid-state",
    "Cannot read: another read is under way. Wait until it is complete.",
  );
}

/** Returns the error of reads and writes of a stream that its owner has closed. */
export function closedByOwner(): ConnectionError {
  return new ConnectionError(
    "connection-closed",
    "Cannot use the stream: it was closed.",
  );
}

/** Returns the error for a buffer of the caller that was resized or transferred. */
export function bufferChanged(what: "read" | "write"): ConnectionError {
  return new ConnectionError(
    "buffer-changed",
    `Cannot ${what}: the buffer was resized or transferred. Leave it unchanged until the ${what} is complete.`,
  );
}
