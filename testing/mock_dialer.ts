import {
  checkFields,
  type OptionNames,
  refuseArgument,
} from "../transport/base/options.ts";
import { handled, onAbort } from "../transport/base/promise.ts";
import { Queue } from "../transport/base/queue.ts";
import type { Dialer, DialOptions } from "../transport/client/dialer.ts";
import type { Socket } from "../transport/socket/socket.ts";
import { MockSocket } from "./mock_socket.ts";

/** A dial that was attempted. */
export interface DialAttempt {
  /** The number of the dial, from 1. */
  readonly number: number;
  /** The URL. */
  readonly url: string;
  /** The options. */
  readonly options: DialOptions;
  /** The promise that the dial returned. A rejection of it does not count as unhandled. */
  readonly result: Promise<Socket>;
}

/**
 * What a dial does: returns a socket, fails with an error, never ends (until its signal aborts), or calls a function.
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

const NAMES: OptionNames<MockDialerOptions> = { otherwise: true };

/**
 * A dialer that follows a script and records its dials. Give its {@link MockDialer.dial} as the option `dialer`.
 *
 * Like every dialer, it ends with the signal's reason as soon as the signal aborts. A socket that a function returns
 * after that is terminated.
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
  /** The dials that were attempted. */
  readonly attempts: DialAttempt[] = [];
  /** What dials do when the script has come to its end; may be changed at any time. */
  otherwise: DialStep;

  readonly #script: DialStep[];
  readonly #untaken = new Queue<DialAttempt>({ capacity: Infinity });
  #inFlight = 0;
  #maxInFlight = 0;

  /**
   * Creates a dialer whose dials do what `script` says, one after the other.
   *
   * @throws {ConfigError} If the script or an option cannot be used.
   */
  constructor(
    script: readonly DialStep[] = [],
    options: MockDialerOptions = {},
  ) {
    if (!Array.isArray(script)) {
      throw refuseArgument("script", "script", "an array of steps", script);
    }
    checkFields("", NAMES, options);
    for (const step of script) checkStep(step);
    if (options.otherwise !== undefined) checkStep(options.otherwise);
    this.#script = [...script];
    this.otherwise = options.otherwise ?? ((url) => new MockSocket({ url }));
  }

  /** The number of dials that are in progress. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** The maximum number of dials that were in progress at the same time. */
  get maxInFlight(): number {
    return this.#maxInFlight;
  }

  /**
   * Adds to the end of the script.
   *
   * @throws {ConfigError} `invalid-argument` if something is no step.
   */
  script(...steps: readonly DialStep[]): void {
    for (const step of steps) checkStep(step);
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

  /** The dialer. It may be passed on as a function. */
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
    this.#maxInFlight = Math.max(this.#maxInFlight, this.#inFlight);
    return new Promise<Socket>((resolve, reject) => {
      const remove = onAbort(signal, () => reject(signal?.reason));
      perform(step, url, options, number).then((socket) => {
        if (signal?.aborted) socket.terminate();
        else resolve(socket);
      }, reject).finally(remove);
    }).finally(() => this.#inFlight--);
  }
}

/** @throws {ConfigError} `invalid-argument` for what is no step. */
function checkStep(step: unknown): void {
  const isObject = typeof step === "object" && step !== null;
  if (isObject || step === "never" || typeof step === "function") return;
  throw refuseArgument(
    "script",
    "a step",
    'a socket, an error, "never" or a function',
    step,
  );
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
