/**
 * What an outbound peer is doing now.
 *
 * - `connecting`: it is being dialled, or waits for its turn among the dials of the pool.
 * - `connected`: `send` and `trySend` reach it.
 * - `waiting`: the next dial comes later. A connection that is still being closed counts as this, too.
 * - `stopped`: the pool gave up on it. `reconnect(id)` dials it again.
 *
 * `attempt` counts the dials since the peer was last stable (see `stableAfter`), from 1.
 */
export type PeerState =
  & {
    /** The latest failure: of a dial, or the one that ended the latest connection. */
    readonly error: Error | undefined;
  }
  & (
    | {
      /** It is being dialled. */
      readonly state: "connecting";
      /** The number of this dial. */
      readonly attempt: number;
    }
    | {
      /** It has a connection. */
      readonly state: "connected";
      /** The number of the connection, as in messages and events. */
      readonly session: number;
    }
    | {
      /** It is dialled later. */
      readonly state: "waiting";
      /** When, at the earliest, in epoch milliseconds. */
      readonly until: number;
      /** The number of the next dial. */
      readonly attempt: number;
    }
    | {
      /** It is not dialled any more. */
      readonly state: "stopped";
    }
  );
