import { ConfigError } from "../transport/base/errors.ts";
import { HandshakeError } from "../transport/handshake/errors.ts";
import { isRetryable } from "../transport/client/retryable.ts";

/** Milliseconds to leave a peer alone that does not want us, spread from one to two times that. */
export const LONG_WAIT = 60_000;

/** What there is to judge: a connection was lost, or could not be made. */
export interface ReconnectInfo {
  /** The peer's normalised URL. */
  readonly url: string;
  /** `lost`: there was a connection. `refused`: it could not be made, and the dialling has ended. */
  readonly cause: "lost" | "refused";
  /** With `lost`: the close code, 1006 when there was no close frame. */
  readonly closeCode: number | undefined;
  /** With `lost`: the peer's reason. */
  readonly reason: string | undefined;
  /** What went wrong. */
  readonly error: Error | undefined;
  /** Connections in a row that did not hold for `stableAfter`, and dials that were given up. */
  readonly failures: number;
}

/**
 * What to do: `reconnect` after the usual delay; a number: after that many milliseconds, spread
 * from one to two times that; `stop`: give the peer up, with the event `stopped`.
 */
export type ReconnectVerdict = "reconnect" | "stop" | number;

/** Overrules the verdict; `undefined` leaves it as it is. */
export type ShouldReconnect = (
  info: ReconnectInfo,
) => ReconnectVerdict | undefined;

/**
 * The verdict when nobody overrules it.
 *
 * - A loss: `reconnect`; but a peer that closed with 1008 (policy violation) is left alone
 *   for {@link LONG_WAIT}.
 * - A refusal with a status that retrying does not mend (401, 403 and so on), and a wrong
 *   certificate: another try after {@link LONG_WAIT}, since servers and credentials change.
 * - A URL or an option that cannot work, and a retry policy that has given up: `stop`.
 */
export function defaultVerdict(info: ReconnectInfo): ReconnectVerdict {
  if (info.cause === "lost") {
    return info.closeCode === 1008 ? LONG_WAIT : "reconnect";
  }
  if (info.error instanceof ConfigError) return "stop";
  if (info.error instanceof HandshakeError && !isRetryable(info.error)) {
    return LONG_WAIT;
  }
  return isRetryable(info.error) ? "stop" : LONG_WAIT;
}

/**
 * Refuses what is no verdict.
 *
 * @throws {ConfigError} `invalid-argument`.
 */
export function checkVerdict(verdict: ReconnectVerdict): ReconnectVerdict {
  if (verdict === "reconnect" || verdict === "stop") return verdict;
  if (Number.isFinite(verdict) && verdict >= 0) return verdict;
  throw new ConfigError(
    "invalid-argument",
    "shouldReconnect",
    `Cannot judge as the result of shouldReconnect must be "reconnect", "stop" or milliseconds from 0: current value is ${verdict}`,
  );
}

/** Milliseconds from which the delay of a peer that flaps grows where `reconnectDelay` is 0. */
const GROWTH_FROM_0 = 100;

/**
 * The delay before the next dial, in milliseconds: `base` after the first failure, then doubled
 * for each further one in a row, at most `longest`, spread from one to two times its length.
 *
 * A `base` of 0 dials at once after the first failure only: from the second one on the delay
 * doubles from 100, so that a peer that flaps is no hot loop.
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
