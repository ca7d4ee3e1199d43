import { decide } from "../transport/base/callbacks.ts";
import { PoolError, reasonOf, toError } from "../transport/base/errors.ts";
import { handled, onAbort, rejected } from "../transport/base/promise.ts";
import type { PeerState } from "./peer_state.ts";
import type { OutboundNotice, OutboundWorker } from "./plugin.ts";

type Settle = (error?: PoolError) => void;

/** What a {@link Presence} needs of its peer. */
export interface PresenceHost {
  /** Its name in error messages. */
  readonly name: string;
  /** Reports a fault of the worker. */
  workerFailed(error: Error): void;
}

/**
 * Whether a peer is connected, and the calls that wait for that.
 *
 * There is one source for the answer: the worker's `connected`, which also decides about `send` and `trySend`. Events
 * may come later, behind messages that wait for space in the inbox. If the worker has no `connected`, its notices
 * decide.
 */
export class Presence {
  readonly #worker: OutboundWorker;
  /** The latest notice of `connected` and `disconnected` was `connected`. */
  #noticed = false;
  #session = 0;
  #stopped: PoolError | undefined;
  #error: Error | undefined;
  /** Created on demand, to save memory for idle peers. */
  #waiting: Set<Settle> | undefined;

  readonly #host: PresenceHost;
  #reported = false;

  /** Creates the state of a worker's peer. */
  constructor(worker: OutboundWorker, host: PresenceHost) {
    this.#worker = worker;
    this.#host = host;
  }

  /** Whether the peer has a connection on which messages can be sent. */
  get connected(): boolean {
    try {
      const connected: unknown = this.#worker.connected;
      if (connected !== undefined) return connected === true;
    } catch (error) {
      this.#report(toError(error));
      return false;
    }
    return this.#noticed && this.#stopped === undefined;
  }

  /** What the peer is doing. */
  get state(): PeerState {
    const error = this.#error;
    if (this.#stopped !== undefined) return { state: "stopped", error };
    const state = this.#worker.state && decide(
      () => this.#worker.state?.(),
      {
        name: "state",
        rule: "a PeerState",
        accepts: isPeerState,
        fallback: undefined,
        onError: (error) => this.#report(error),
      },
    );
    if (state !== undefined) return state;
    return this.connected
      ? { state: "connected", session: this.#session, error }
      : { state: "connecting", attempt: 1, error };
  }

  /**
   * Takes a notice of the worker.
   *
   * @returns Whether it becomes an event. `connected` and `disconnected` alternate, and nothing follows `stopped`.
   */
  notice(notice: OutboundNotice, session: number): boolean {
    if (this.#stopped !== undefined) return false;
    if (notice.kind !== "stopped") {
      const connected = notice.kind === "connected";
      if (connected === this.#noticed) return false;
      this.#noticed = connected;
    }
    this.#session = session;
    this.#error = notice.error ?? this.#error;
    if (notice.kind === "stopped") {
      const { error } = notice;
      this.#stopped = new PoolError(
        "peer-stopped",
        `Cannot connect to the peer ${this.#host.name}: it is no longer dialled${
          error === undefined ? "." : `, since ${reasonOf(error)}`
        } Call reconnect() to dial it again.`,
        { cause: error },
      );
      this.end(this.#stopped);
    } else if (this.connected) this.#settle(undefined);
    return true;
  }

  /** If the peer was stopped, it is dialled again. */
  revive(): void {
    if (this.#stopped === undefined) return;
    this.#stopped = undefined;
    this.#noticed = false;
  }

  /** Resolves as soon as the peer is connected. Rejects if it will not be connected, or with the signal's reason. */
  wait(signal: AbortSignal | undefined): Promise<void> {
    if (this.connected) return Promise.resolve();
    if (this.#stopped !== undefined) return rejected(this.#stopped);
    return handled(
      new Promise((resolve, reject) => {
        const settle: Settle = (error) => {
          removeListener();
          if (error === undefined) resolve();
          else reject(error);
        };
        const removeListener = onAbort(signal, () => {
          this.#waiting?.delete(settle);
          reject(signal?.reason);
        });
        (this.#waiting ??= new Set()).add(settle);
      }),
    );
  }

  /** Rejects all calls that wait: there will be no connection. */
  end(error: PoolError): void {
    this.#settle(error);
  }

  /** Reported once, since a caller asks for the state again and again. */
  #report(error: Error): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#host.workerFailed(error);
  }

  #settle(error: PoolError | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    for (const settle of waiting ?? []) settle(error);
  }
}

function isPeerState(value: unknown): value is PeerState {
  return typeof value === "object" && value !== null && "state" in value &&
    typeof value.state === "string" && Object.hasOwn(STATES, value.state);
}

const STATES: Readonly<Record<PeerState["state"], true>> = {
  connecting: true,
  connected: true,
  waiting: true,
  stopped: true,
};
