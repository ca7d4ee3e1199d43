import { onAbort, rejected } from "../transport/base/promise.ts";
import type { DialGate } from "../transport/client/dialer.ts";

/** The number of other dials after which a peer that keeps failing is dialled, so that it does not starve. */
const MAX_PASSED_OVER = 3;
/** The part of all places that peers which keep failing may not take. */
const KEPT_FREE = 4;

type Leave = (connected: boolean) => void;
type Enter = (failing: boolean, signal: AbortSignal) => Promise<() => void>;

/**
 * Limits the dials of all peers of a pool that are in progress, and orders those that wait.
 *
 * Peers whose last dial succeeded, or that have not been dialled yet, go before those whose last dial failed;
 * each kind in the order of its arrival. A quarter of the places, at least one of two, is kept for the first
 * kind: otherwise hosts that do not answer would hold every place for the length of `handshakeTimeout`.
 */
export class DialLimiter {
  readonly #max: number;
  readonly #maxFailing: number;
  readonly #promising = new Set<() => void>();
  readonly #failing = new Set<() => void>();
  #inFlight = 0;
  #failingInFlight = 0;
  /** The number of dials since the last one of a peer that keeps failing. */
  #passedOver = 0;

  /** Creates a limiter that allows `max` dials at a time. */
  constructor(max: number) {
    this.#max = max;
    this.#maxFailing = max === 1
      ? 1
      : max - Math.max(1, Math.floor(max / KEPT_FREE));
  }

  /** Returns the gate of one peer. */
  gate(): PeerGate {
    return new PeerGate(this.#enterGate);
  }

  /** One for all gates, since idle peers are many. */
  readonly #enterGate: Enter = (failing, signal) =>
    this.#enter(failing, signal);

  #enter(failing: boolean, signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) return rejected(signal.reason);
    const waiting = failing ? this.#failing : this.#promising;
    return new Promise((resolve, reject) => {
      const enter = () => {
        removeListener();
        this.#count(failing, 1);
        resolve(() => {
          this.#count(failing, -1);
          this.#admit();
        });
      };
      const removeListener = onAbort(signal, () => {
        waiting.delete(enter);
        reject(signal.reason);
      });
      waiting.add(enter);
      this.#admit();
    });
  }

  #count(failing: boolean, change: 1 | -1): void {
    this.#inFlight += change;
    if (failing) this.#failingInFlight += change;
  }

  #admit(): void {
    while (this.#inFlight < this.#max) {
      const waiting = this.#next();
      const [enter] = waiting;
      if (enter === undefined) return;
      waiting.delete(enter);
      this.#passedOver = waiting === this.#failing || this.#failing.size === 0
        ? 0
        : this.#passedOver + 1;
      enter();
    }
  }

  /** Returns the set of waiting dials whose turn it is, which is empty if none may begin now. */
  #next(): Set<() => void> {
    const mayFail = this.#failing.size > 0 &&
      this.#failingInFlight < this.#maxFailing;
    const theirTurn = this.#promising.size === 0 ||
      this.#passedOver >= MAX_PASSED_OVER;
    return mayFail && theirTurn ? this.#failing : this.#promising;
  }
}

/** The gate of one peer: knows whether its last dial failed. */
export class PeerGate implements DialGate {
  readonly #enter: Enter;
  #failing = false;

  /** Use {@link DialLimiter.gate}. */
  constructor(enter: Enter) {
    this.#enter = enter;
  }

  /** Waits for a place. */
  async enter(signal: AbortSignal): Promise<Leave> {
    const leave = await this.#enter(this.#failing, signal);
    return (connected) => {
      // A dial that was cancelled says nothing about the peer.
      if (!signal.aborted) this.#failing = !connected;
      leave();
    };
  }

  /** Gives the next dial precedence over those of peers that keep failing. */
  prefer(): void {
    this.#failing = false;
  }
}
