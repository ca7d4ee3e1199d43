import type { Clock } from "../base/clock.ts";
import { ConnectionError, reasonOf } from "../base/errors.ts";
import type { Log } from "../base/logging.ts";
import { retry, RetryLimitError } from "../base/retry.ts";
import { urlForLog } from "../base/url.ts";
import { minRetryDelay } from "../client/retry_after.ts";
import { isRetryable } from "../client/retryable.ts";
import type { Socket } from "../socket/socket.ts";
import { cutUnused, dialOnce } from "./dial_once.ts";
import type { ConnectionOptions } from "./options.ts";
import { resolveRetry } from "../base/retry_policy.ts";

/** What {@link dial} needs in addition to the options of the connection. */
export interface DiallingOptions {
  readonly clock: Clock;
  readonly handshakeTimeout: number;
  readonly log: Log | undefined;
  /** Ends the attempts. */
  readonly signal: AbortSignal;
}

/**
 * Dials under the retry policy of a connection until there is a socket. If the signal aborts when the promise has
 * resolved already, the caller has to cut the socket.
 *
 * @throws {ConnectionError} `dial-failed` if the policy gives up or another attempt cannot help.
 * @throws The signal's reason when it aborts.
 */
export async function dial(
  url: string,
  options: ConnectionOptions,
  { clock, handshakeTimeout, log, signal }: DiallingOptions,
): Promise<Socket> {
  const onError = (error: Error) =>
    log?.error("A callback of the dial failed", { error });
  const bounds = { clock, handshakeTimeout, signal, onError };
  let attempt: Promise<Socket> | undefined;
  try {
    return await retry(
      () => attempt = dialOnce(url, options, bounds),
      resolveRetry(options.retry, clock),
      {
        signal,
        clock,
        minDelay: minRetryDelay(clock),
        isRetryable,
        onError,
        onRetry: options.onRetry ??
          ((info) => log?.debug("Dial failed, trying again", { ...info })),
      },
    );
  } catch (thrown) {
    if (signal.aborted) {
      // The abort may have come after the socket was opened.
      attempt?.then(cutUnused, () => {});
      throw signal.reason;
    }
    const cause = thrown instanceof RetryLimitError ? thrown.cause : thrown;
    const error = new ConnectionError(
      "dial-failed",
      `Cannot connect to ${urlForLog(url)}: ${reasonOf(cause)}`,
      { cause },
    );
    // With `retry: false` the caller retries, and logs the failure itself.
    log?.[options.retry === false ? "debug" : "warn"]("Gave up dialling", {
      error,
    });
    throw error;
  }
}
