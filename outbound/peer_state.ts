/**
 * What an outbound peer is doing now.
 *
 * - `connecting`: the peer is being dialled, or waits until `maxConcurrentDials` allows the dial.
 * - `connected`: `send` and `trySend` reach the peer.
 * - `waiting`: the next dial follows later. A connection that is still being closed counts as this, too.
 * - `stopped`: the pool no longer dials the peer. `reconnect(id)` dials it again.
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
      /** The peer is being dialled. */
      readonly state: "connecting";
      /** The number of this dial. */
      readonly attempt: number;
    }
    | {
      /** The peer has a connection. */
      readonly state: "connected";
      /** The number of the connection, as in messages and events. */
      readonly session: number;
    }
    | {
      /** The peer is dialled later. */
      readonly state: "waiting";
      /** The earliest time of the next dial, in epoch milliseconds. */
      readonly until: number;
      /** The number of the next dial. */
      readonly attempt: number;
    }
    | {
      /** The peer is no longer dialled. */
      readonly state: "stopped";
    }
  );
