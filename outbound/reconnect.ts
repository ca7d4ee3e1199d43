import {
  type CallbackErrorHandler,
  decide,
} from "../transport/base/callbacks.ts";
import type { Clock } from "../transport/base/clock.ts";
import { ConfigError } from "../transport/base/errors.ts";
import { isFinal } from "../transport/base/retry.ts";
import { HandshakeError } from "../transport/handshake/errors.ts";
import { isRetryable } from "../transport/client/retryable.ts";
import {
  MIN_RETRY_DELAY,
  minRetryDelay,
} from "../transport/client/retry_after.ts";
import { CLOSE_POLICY_VIOLATION } from "../transport/protocol/wire/close.ts";
import type { ResolvedOutboundWorkerOptions } from "./worker_options.ts";

/** The delay after a refusal that a quick retry cannot fix, in milliseconds, times a random number from 1 to 2. */
export const LONG_WAIT = 60_000;

/** Describes a connection that was lost or could not be made: the argument of `shouldReconnect`. */
export interface ReconnectInfo {
  /** The peer's id in the pool. */
  readonly id: string;
  /** Its normalised URL. */
  readonly url: string;
  /**
   * `lost`: there was a connection. `refused`: no connection could be made, and another attempt cannot help (status 401,
   * for example), or the retry policy gave up.
   */
  readonly cause: "lost" | "refused";
  /** With `lost`: the close code, 1006 if there was no close frame. */
  readonly closeCode: number | undefined;
  /** With `lost`: the reason in the close frame of the peer. */
  readonly reason: string | undefined;
  /** What went wrong. For a refused handshake a `HandshakeError` with `status` and `headers`. */
  readonly error: Error | undefined;
  /**
   * The number of failures in a row: connections that lasted less than `stableAfter`, and dials that were not repeated.
   */
  readonly failures: number;
}

/**
 * What to do next: `"reconnect"` dials after the usual delay, a number dials after that many milliseconds times a
 * random number from 1 to 2, and `"stop"` stops dialling and emits the event `stopped`.
 */
export type ReconnectDecision = "reconnect" | "stop" | number;

/**
 * Decides what to do after a connection was lost or could not be made. `undefined` is the decision of
 * {@link defaultReconnectDecision}. Not called for a failed dial that the option `retry` repeats.
 */
export type ShouldReconnect = (
  info: ReconnectInfo,
) => ReconnectDecision | undefined;

/**
 * Returns the decision of a pool that has no `shouldReconnect`.
 *
 * - After a loss: `"reconnect"`. After a close with code 1008 (policy violation): 60,000 ms.
 * - After a refusal that a quick retry cannot fix (status 401, 403 and similar, a wrong certificate): 60,000 ms, since
 *   servers and credentials change.
 * - After an error that cannot heal (a wrong URL or option), a `DoNotRetryError`, or when the retry policy gave up:
 *   `"stop"`.
 */
export function defaultReconnectDecision(
  info: ReconnectInfo,
): ReconnectDecision {
  if (info.cause === "lost") {
    return info.closeCode === CLOSE_POLICY_VIOLATION ? LONG_WAIT : "reconnect";
  }
  if (info.error instanceof ConfigError || isFinal(info.error)) return "stop";
  if (info.error instanceof HandshakeError && !isRetryable(info.error)) {
    return LONG_WAIT;
  }
  return isRetryable(info.error) ? "stop" : LONG_WAIT;
}

/** What a {@link ShouldReconnect} may return. */
function isDecision(value: unknown): value is ReconnectDecision | undefined {
  if (typeof value === "number") return Number.isFinite(value) && value >= 0;
  return value === undefined || value === "reconnect" || value === "stop";
}

/**
 * Returns the decision on a loss or a refusal. If the user's function throws or returns anything else than a
 * decision, that is reported and the default decision counts.
 */
export function judge(
  shouldReconnect: ShouldReconnect | undefined,
  info: ReconnectInfo,
  onError: CallbackErrorHandler,
): ReconnectDecision {
  if (shouldReconnect === undefined) return defaultReconnectDecision(info);
  const decision = decide(shouldReconnect, {
    name: "shouldReconnect",
    rule:
      '"reconnect", "stop", undefined or a number of milliseconds from 0 (finite)',
    accepts: isDecision,
    fallback: undefined,
    onError,
  }, info);
  return decision ?? defaultReconnectDecision(info);
}

/** The second delay if `reconnectDelay` is 0, in milliseconds; it doubles from there. */
const GROWTH_FROM_0 = 100;

/**
 * Returns the usual delay before the next dial, in milliseconds: `base` after the first failure, doubled for each
 * further one in a row up to `longest`, times a random number from 1 to 2. With a `base` of 0 the first delay is 0
 * and the next ones double from 100 ms.
 */
export function reconnectDelay(
  base: number,
  longest: number,
  failures: number,
  random: () => number,
): number {
  const delay = failures <= 1
    ? base
    : (base * 2 || GROWTH_FROM_0) * 2 ** (failures - 2);
  return Math.min(delay, Math.max(base, longest)) * (1 + random());
}

/** What {@link nextDelay} needs. */
export interface NextDelayOptions
  extends Pick<ReconnectInfo, "error" | "failures"> {
  /** The decision: `reconnect` or a number. */
  readonly decision: Exclude<ReconnectDecision, "stop">;
  /** How long the connection held, in milliseconds; 0 if there was none. */
  readonly heldFor: number;
  /** The delays. */
  readonly workerOptions: Pick<
    ResolvedOutboundWorkerOptions,
    "reconnectDelay" | "maxReconnectDelay"
  >;
  /** The source of randomness and of the time of day. */
  readonly clock: Clock;
}

/**
 * Returns the delay before the next dial, in milliseconds. Two dials are never closer together than
 * {@link MIN_RETRY_DELAY}, so that a server which closes each connection at once causes no busy loop; a server
 * that answered 429 or 503 is not dialled before it asks to be, unless the decision is a number.
 */
export function nextDelay(options: NextDelayOptions): number {
  const { decision, failures, error, heldFor, workerOptions, clock } = options;
  const random = () => clock.random();
  const floor = failures > 1
    ? MIN_RETRY_DELAY
    : Math.max(0, MIN_RETRY_DELAY - heldFor);
  if (typeof decision === "number") {
    return Math.max(floor, decision * (1 + random()));
  }
  const { reconnectDelay: base, maxReconnectDelay: longest } = workerOptions;
  return Math.max(
    floor,
    minRetryDelay(clock)(1, error),
    reconnectDelay(base, longest, failures, random),
  );
}
