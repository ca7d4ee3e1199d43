import { checkOptions, refuseArgument } from "../transport/base/options.ts";
import { handled, onAbort } from "../transport/base/promise.ts";
import { Queue } from "../transport/base/queue.ts";
import type { Dialer, DialOptions } from "../transport/client/dialer.ts";
import type { Socket } from "../transport/socket/socket.ts";
import { MockSocket } from "./mock_socket.ts";

/** A dial that was tried. */
export interface DialAttempt {
  /** Counts the dials, from 1. */
  readonly number: number;
  /** The URL. */
  readonly url: string;
  /** The options. */
  readonly options: DialOptions;
  /** What it gives. Marked as handled. */
  readonly result: Promise<Socket>;
}

/**
 * What a dial does: gives a socket, fails with an error, never ends (but by its
 * signal), or whatever a function says.
 */
export type DialStep =
  | Socket
  | Error
  | "never"
  | ((
    url: string,
    options: DialOptions,
    number: number,
  ) => Socket | Promise<Socket>);

/** Options of a {@link MockDialer}. */
export interface MockDialerOptions {
  /**
   * What dials do when the script has ended.
   *
   * @default {a new MockSocket each time}
   */
  readonly otherwise?: DialStep;
}

/**
 * A dialer that follows a script and notes what is asked of it. Hand its
 * {@link MockDialer.dial} to what dials.
 *
 * Like every dialer it ends at once, with the signal's reason, when the signal aborts; a socket
 * that a function gives after that is cut.
 *
 * @example
 * ```ts
 * import { MockDialer, MockSocket } from "@honeybee/honeybee/testing";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const socket = new MockSocket();
 * const dialer = new MockDialer([new Error("The connection was refused."), socket]);
 * await assertRejects(() => dialer.dial("ws://a.test", {}), Error, "refused");
 * assertEquals(await dialer.dial("ws://a.test", {}), socket);
 * assertEquals(dialer.attempts.map(({ url }) => url), ["ws://a.test", "ws://a.test"]);
 * ```
 */
export class MockDialer {
  /** The dials that were tried. */
  readonly attempts: DialAttempt[] = [];
  /** What dials do when the script has come to its end; may be changed at any time. */
  otherwise: DialStep;

  readonly #script: DialStep[];
  readonly #untaken = new Queue<DialAttempt>({ capacity: Infinity });
  #inFlight = 0;
  #mostInFlight = 0;

  /** Makes a dialer whose dials do what `script` says, one after the other. */
  constructor(
    script: readonly DialStep[] = [],
    options: MockDialerOptions = {},
  ) {
    if (!Array.isArray(script)) {
      throw refuseArgument("script", "script", "an array of steps", script);
    }
    checkOptions("options", options);
    this.#script = [...script];
    this.otherwise = options.otherwise ?? ((url) => new MockSocket({ url }));
  }

  /** How many dials have not ended yet. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** The most dials that ever were in flight at once. */
  get mostInFlight(): number {
    return this.#mostInFlight;
  }

  /** Adds to the end of the script. */
  script(...steps: readonly DialStep[]): void {
    this.#script.push(...steps);
  }

  /**
   * The next dial that was tried and not taken before: waits until there is one.
   *
   * @throws The signal's reason when it aborts.
   */
  take(
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<DialAttempt | undefined> {
    return this.#untaken.take(options);
  }

  /** The dialer. It may be handed on without the object it belongs to. */
  readonly dial: Dialer = (url, options) => {
    const number = this.attempts.length + 1;
    const result = handled(this.#run(url, options, number));
    const attempt = { number, url, options, result };
    this.attempts.push(attempt);
    this.#untaken.push(attempt);
    return result;
  };

  #run(url: string, options: DialOptions, number: number): Promise<Socket> {
    const { signal } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const step = this.#script.shift() ?? this.otherwise;
    this.#inFlight++;
    this.#mostInFlight = Math.max(this.#mostInFlight, this.#inFlight);
    return new Promise<Socket>((resolve, reject) => {
      const remove = onAbort(signal, () => reject(signal?.reason));
      perform(step, url, options, number).then((socket) => {
        if (signal?.aborted) socket.terminate();
        else resolve(socket);
      }, reject).finally(remove);
    }).finally(() => this.#inFlight--);
  }
}

// async, so that a function that throws makes a dial that fails.
// deno-lint-ignore require-await
async function perform(
  step: DialStep,
  url: string,
  options: DialOptions,
  number: number,
): Promise<Socket> {
  if (step === "never") return new Promise(() => {});
  if (step instanceof Error) throw step;
  return typeof step === "function" ? step(url, options, number) : step;
}
