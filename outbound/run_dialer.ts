import {
  type CallbackErrorHandler,
  notify,
} from "../transport/base/callbacks.ts";
import type { Clock } from "../transport/base/clock.ts";
import { ConnectionError, toError } from "../transport/base/errors.ts";
import { handled } from "../transport/base/promise.ts";
import {
  retry,
  type RetryInfo,
  RetryLimitError,
} from "../transport/base/retry.ts";
import { minRetryDelay } from "../transport/client/retry_after.ts";
import { isRetryable } from "../transport/client/retryable.ts";
import { Connection } from "../transport/connection/connection.ts";
import type { ConnectionOptions } from "../transport/connection/options.ts";
import { resolveRetry } from "../transport/base/retry_policy.ts";

/** Options of {@link runDialer}. */
export interface DialerOptions {
  /** The URL to dial. */
  readonly url: string;
  /** Options of the connection: `plugin.connectionOptions`. `retry` decides about further attempts. */
  readonly connectionOptions: ConnectionOptions;
  /** The source of time and randomness. */
  readonly clock: Clock;
  /** Ends the work. */
  readonly signal: AbortSignal;
  /**
   * Called before each attempt.
   *
   * @default {none}
   */
  readonly onAttempt?: (() => void) | undefined;
  /**
   * Called for each failed attempt that is followed by another one.
   *
   * @default {none}
   */
  readonly onFailure?:
    | ((info: RetryInfo & { readonly error: Error }) => void)
    | undefined;
  /** Receives errors of the user's callbacks, such as a retry policy that throws. */
  readonly onError: CallbackErrorHandler;
}

/**
 * Worker block: dials until there is a connection.
 *
 * @returns The connection, open.
 * @throws The error of the last attempt, if no other one follows.
 * @throws The signal's reason, as soon as it aborts.
 */
export function runDialer(options: DialerOptions): Promise<Connection> {
  return handled(dial(options));
}

async function dial(options: DialerOptions): Promise<Connection> {
  const { url, clock, signal, onAttempt, onFailure, onError } = options;
  const { retry: policy, onRetry, dialGate, ...rest } =
    options.connectionOptions;
  let connection: Connection | undefined;
  try {
    return await retry(
      async () => {
        onAttempt?.();
        // The connection is created after the wait: if thousands of peers are lost together, most of them wait here
        // (measured: 5 KB less for each).
        const leave = dialGate && await dialGate.enter(signal);
        let connected = false;
        try {
          const attempt = new Connection(url, { ...rest, retry: false });
          connection = attempt;
          await attempt.connect({ signal }).catch(unwrap);
          connected = true;
          return attempt;
        } finally {
          notify(leave, onError, connected);
        }
      },
      resolveRetry(policy, clock),
      {
        signal,
        clock,
        onError,
        minDelay: minRetryDelay(clock),
        isRetryable,
        onRetry: ({ attempt, error, delay }) => {
          const info = { attempt, error: toError(error), delay };
          onFailure?.(info);
          notify(onRetry, onError, info);
        },
      },
    );
  } catch (thrown) {
    // The abort may have come in the moment in which the connection was opened.
    connection?.terminate();
    throw thrown instanceof RetryLimitError ? thrown.cause : thrown;
  }
}

/** Throws the error of the only attempt, which the connection wraps. */
function unwrap(error: unknown): never {
  throw error instanceof ConnectionError && error.code === "dial-failed"
    ? error.cause
    : error;
}
