import { ConnectionError } from "../base/errors.ts";

/** The state of a connection. A closed connection is not used again. */
export type ConnectionState =
  | "disconnected"
  | "connecting"
  | "connected"
  | "closed";

/** Which state may follow which. */
const MOVES: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
  disconnected: ["connecting", "connected", "closed"],
  connecting: ["connected", "disconnected", "closed"],
  connected: ["closed"],
  closed: [],
};

/**
 * Checks that one state may follow another.
 *
 * @throws {ConnectionError} `invalid-state`.
 */
export function checkMove(from: ConnectionState, to: ConnectionState): void {
  if (MOVES[from].includes(to)) return;
  throw new ConnectionError(
    "invalid-state",
    `Cannot go from state "${from}" to "${to}": this is a bug in the library.`,
  );
}

/** Returns the error for a call that is not possible in this state. */
export function unavailable(
  action: string,
  state: ConnectionState,
): ConnectionError {
  const closed = state === "closed";
  return new ConnectionError(
    closed ? "connection-closed" : "not-connected",
    `Cannot ${action}: the connection is ${state}.${
      closed ? "" : " Call connect() and wait for it."
    }`,
  );
}
