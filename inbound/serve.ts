import { notify } from "../transport/base/callbacks.ts";
import type { Clock } from "../transport/base/clock.ts";
import { ConfigError, PoolError, toError } from "../transport/base/errors.ts";
import type { Log } from "../transport/base/logging.ts";
import {
  checkBoolean,
  checkFields,
  checkFunction,
  homes,
  numberOption,
  type OptionHomes,
  type OptionNames,
  refuseArgument,
} from "../transport/base/options.ts";
import { handled } from "../transport/base/promise.ts";
import { SERVE_RULES } from "../transport/base/rules.ts";
import { settlesWithin } from "../transport/base/schedule.ts";
import { HandshakeError } from "../transport/handshake/errors.ts";
import { describeRefusal } from "../transport/handshake/refusal.ts";
import {
  ACCEPT_NAMES,
  type AcceptOptions,
  checkAcceptFields,
  LISTEN_HOMES,
} from "../transport/server/accept_options.ts";
import type { Incoming, RejectOptions } from "../transport/server/incoming.ts";
import { POOL_OPTION_NAMES } from "../transport/pool/options.ts";
import { REASONS, toRefusal } from "./admission.ts";
import type { Registrar } from "./registrar.ts";

/** Refuses a peer: what `accept` of {@link ServeOptions} may return. */
export interface ServeRefusal extends RejectOptions {
  /** The HTTP status, from 200 to 599. */
  readonly status: number;
}

/** Accepts a peer with options of its own: what `accept` of {@link ServeOptions} may return. */
export interface ServeAcceptance extends AcceptOptions {
  /** The id of the peer. Default: that of the option `id`. */
  readonly id?: string | undefined;
}

/** A peer that was accepted: the argument of `onAccepted` of {@link ServeOptions}. */
export interface AcceptedPeer {
  /** Its id in the pool. */
  readonly id: string;
  /** The number of its connection, from 1. Messages and events have it, too. */
  readonly session: number;
  /** Its request, which has been accepted. */
  readonly incoming: Incoming;
}

/** What `accept` of {@link ServeOptions} returns. */
export type ServeDecision =
  | boolean
  | number
  | ServeRefusal
  | ServeAcceptance;

/** Options of {@link InboundPool.serve}. */
export interface ServeOptions {
  /**
   * Returns the id of a peer that `accept` accepted without an id.
   *
   * @default {a random UUID}
   */
  readonly id?: ((incoming: Incoming) => string | Promise<string>) | undefined;
  /**
   * Decides about a peer. It may be async.
   *
   * - `true`, or an object of accept options: the peer is accepted.
   * - `false`: the peer is refused with status 403.
   * - A number, or an object with `status`: the peer is refused with that status.
   *
   * If it returns anything else, throws or rejects, the peer is refused with status 500, and the error is in `errors`.
   *
   * @default {every peer is accepted}
   */
  readonly accept?:
    | ((incoming: Incoming) => ServeDecision | Promise<ServeDecision>)
    | undefined;
  /**
   * Called for each peer that was accepted, as soon as it is in the pool: before any of its messages and its event can
   * be read. What it sends with `pool.trySend` goes out first. Not called for a peer that was refused, or that left
   * before it was accepted. If it throws or rejects, the error is in `errors`, and the peer stays.
   *
   * @default {none}
   */
  readonly onAccepted?: ((peer: AcceptedPeer) => unknown) | undefined;
  /**
   * Whether a peer replaces the peer with the same id. Otherwise it is refused with status 409.
   *
   * @default {false}
   */
  readonly replace?: boolean | undefined;
  /**
   * The maximum time that `accept` and `id` may take together, in milliseconds. After that, the peer is refused with
   * status 500. 0 is no limit; `handshakeTimeout` of the listener applies in any case.
   *
   * @default {5000}
   */
  readonly timeout?: number | undefined;
}

const NAMES: OptionNames<ServeOptions> = {
  id: true,
  accept: true,
  onAccepted: true,
  replace: true,
  timeout: true,
};

const HOMES: OptionHomes = {
  ...homes(ACCEPT_NAMES, "listen(), or to what accept returns"),
  ...LISTEN_HOMES,
  ...homes(POOL_OPTION_NAMES, "the pool"),
  ...homes({ maxPeers: 0, worker: 0, workerFactory: 0 }, "the pool"),
};

const ACCEPTANCE_NAMES: OptionNames<ServeAcceptance> = {
  id: true,
  ...ACCEPT_NAMES,
};
const REFUSAL_NAMES: OptionNames<ServeRefusal> = {
  status: true,
  headers: true,
  body: true,
};

/** What {@link serve} needs of its pool. */
export interface ServeContext {
  readonly registrar: Registrar;
  readonly clock: Clock;
  readonly log: Log | undefined;
}

/** A decision that was checked. */
type Outcome =
  | { readonly refuse: ServeRefusal }
  | { readonly accept: AcceptOptions; readonly id: string };

/**
 * Adds every peer of a listener to a pool, or refuses it: see {@link InboundPool.serve}.
 *
 * @throws {ConfigError} At once, when an option cannot be used.
 */
export function serve(
  context: ServeContext,
  listener: AsyncIterable<Incoming>,
  options: ServeOptions,
): Promise<void> {
  const server = new Server(context, options);
  if (typeof listener?.[Symbol.asyncIterator] !== "function") {
    throw refuseArgument(
      "serve",
      "listener",
      "a listener, for example that of listen()",
      listener,
    );
  }
  return handled(server.run(listener));
}

class Server {
  readonly #context: ServeContext;
  readonly #options: ServeOptions;
  readonly #replace: boolean;
  readonly #timeout: number;

  constructor(context: ServeContext, options: ServeOptions) {
    checkFields("", NAMES, options, HOMES);
    checkFunction("id", options.id);
    checkFunction("accept", options.accept);
    checkFunction("onAccepted", options.onAccepted);
    checkBoolean("replace", options.replace);
    this.#context = context;
    this.#options = options;
    this.#replace = options.replace ?? false;
    this.#timeout = numberOption(
      "timeout",
      SERVE_RULES.timeout,
      options.timeout,
    );
  }

  async run(listener: AsyncIterable<Incoming>): Promise<void> {
    const report = (error: Error) => this.#context.registrar.report(error);
    try {
      // Not awaited: a slow decision about one peer must not delay the others.
      for await (const incoming of listener) {
        notify(() => this.#take(incoming), report);
      }
    } catch (error) {
      // The caller may not await the promise of `serve`.
      this.#context.registrar.report(toError(error));
      throw error;
    }
  }

  /** Throws or rejects only for an item of a caller's own listener that does so itself. */
  #take(incoming: Incoming): Promise<void> {
    if (typeof incoming?.accept !== "function") throw notIncoming(incoming);
    return this.#decide(incoming);
  }

  async #decide(incoming: Incoming): Promise<void> {
    const { registrar, log } = this.#context;
    const { remoteAddr } = incoming;
    try {
      // A full pool has space for a peer that replaces another one, which is known once there is an id.
      if (this.#replace) registrar.checkOpen("serve");
      else registrar.checkCapacity("serve");
      const outcome = await this.#bounded(this.#ask(incoming)).catch(
        (cause) => {
          throw new CallbackFailure(cause);
        },
      );
      if (!incoming.open) {
        return log?.debug("A peer left before it was decided", { remoteAddr });
      }
      if ("refuse" in outcome) {
        const { status, ...answer } = outcome.refuse;
        await incoming.reject(status, answer);
        return;
      }
      const { id } = outcome;
      const admit = registrar.reserve("serve", id, this.#replace);
      const session = admit(incoming.accept(outcome.accept));
      if (session === undefined) return;
      notify(
        this.#options.onAccepted,
        (error) => registrar.report(error, id),
        { id, session, incoming },
      );
    } catch (error) {
      await this.#refuse(incoming, error);
    }
  }

  async #ask(incoming: Incoming): Promise<Outcome> {
    const { accept, id } = this.#options;
    const decision = accept === undefined || await accept(incoming);
    const refuse = refusalOf(decision);
    if (refuse !== undefined) return { refuse };
    const { id: given, ...options } = acceptanceOf(decision);
    if (given !== undefined) return { accept: options, id: given };
    return {
      accept: options,
      id: id === undefined ? crypto.randomUUID() : await id(incoming),
    };
  }

  /** Limits the time that the functions of the user may take. What they return later is ignored. */
  async #bounded(outcome: Promise<Outcome>): Promise<Outcome> {
    const timeout = this.#timeout;
    if (timeout === 0) return await outcome;
    if (await settlesWithin(this.#context.clock, timeout, outcome)) {
      return await outcome;
    }
    throw new PoolError(
      "decision-timeout",
      `Cannot accept a peer: accept and id took longer than timeout (${timeout} ms). Make them faster, or raise timeout.`,
    );
  }

  async #refuse(incoming: Incoming, thrown: unknown): Promise<void> {
    const { registrar, log } = this.#context;
    const { remoteAddr } = incoming;
    const refused = asRefusal(toRefusal(thrown), incoming);
    const cause = thrown instanceof CallbackFailure ? thrown.cause : thrown;
    // Neither a peer that has left nor a pool that is full or closed is a fault on our side.
    const ours = refused.status === 500 && !(!incoming.open && isLost(cause));
    if (ours) registrar.report(toError(cause));
    else log?.debug("A peer was refused", { remoteAddr, error: cause });
    const { status, ...answer } = describeRefusal(refused);
    try {
      await incoming.reject(status, answer);
    } catch (error) {
      log?.debug("A peer could not be refused", { remoteAddr, error });
    }
  }
}

/** The error for an item of a listener that cannot be accepted. */
function notIncoming(item: unknown): ConfigError {
  return refuseArgument(
    "accept a peer",
    "each item of the listener",
    "an Incoming",
    item,
  );
}

/** What a callback of the user threw, whatever that is: also the refusal of another server. */
class CallbackFailure extends Error {
  constructor(cause: unknown) {
    super("A callback failed.", { cause });
  }
}

function isLost(error: unknown): boolean {
  return error instanceof HandshakeError && error.code === "connection-lost";
}

/** The refusal that an error stands for, with a status. */
function asRefusal(error: unknown, { upgrade }: Incoming): HandshakeError {
  if (error instanceof HandshakeError) {
    if (error.status !== undefined) return error;
    if (error.code === "bad-upgrade") {
      return new HandshakeError(
        "bad-upgrade",
        `Cannot accept ${upgrade} here: Upgrade must be websocket.`,
        { status: 426, headers: new Headers({ upgrade: "websocket" }) },
      );
    }
  }
  return new HandshakeError("refused", REASONS[500], { status: 500 });
}

/** Returns the refusal that a decision stands for; `undefined` if it accepts. */
function refusalOf(decision: unknown): ServeRefusal | undefined {
  if (decision === false) return { status: 403 };
  if (typeof decision === "number") return { status: checkStatus(decision) };
  if (!isRefusal(decision)) return undefined;
  checkFields("", REFUSAL_NAMES, decision);
  const { status, headers, body } = decision;
  // Throws for headers that no response can have, while the peer can still be answered.
  return { status: checkStatus(status), headers: new Headers(headers), body };
}

function isRefusal(decision: unknown): decision is ServeRefusal {
  return typeof decision === "object" && decision !== null &&
    "status" in decision;
}

/** The options with which a decision accepts. */
function acceptanceOf(decision: unknown): ServeAcceptance {
  if (decision === true) return {};
  if (
    typeof decision === "object" && decision !== null &&
    !Array.isArray(decision)
  ) {
    checkAcceptFields(decision, ACCEPTANCE_NAMES);
    return decision;
  }
  throw new ConfigError(
    "invalid-option",
    "accept",
    `Cannot accept a peer: accept must return true, false, a status or an object, and returned ${
      String(decision)
    }.`,
  );
}

function checkStatus(status: unknown): number {
  if (
    typeof status === "number" && Number.isInteger(status) && status >= 200 &&
    status <= 599
  ) return status;
  throw new ConfigError(
    "invalid-option",
    "accept",
    `Cannot refuse a peer: accept must return a status from 200 to 599, and returned ${status}.`,
  );
}
