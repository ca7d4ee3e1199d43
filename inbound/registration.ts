import { notify } from "../transport/base/callbacks.ts";
import {
  createLog,
  inheritLogging,
  type LoggingOptions,
} from "../transport/base/logging.ts";
import type {
  ConnectionMeter,
  OpenConnectionOptions,
} from "../transport/connection/options.ts";
import type { Peer, PeerOwner } from "../transport/pool/peer.ts";
import type { PoolCore } from "../transport/pool/pool.ts";
import type { Socket } from "../transport/socket/socket.ts";
import type { InboundPoolOptions } from "./options.ts";
import type { InboundEvent, InboundExit, InboundPlugin } from "./plugin.ts";
import type { ResolvedInboundWorkerOptions } from "./worker_options.ts";

type InboundPeer = Peer<InboundPlugin, InboundEvent>;

/** What the registrations of a pool share. */
export class RegistrationContext {
  readonly core: PoolCore<InboundPlugin, InboundEvent>;
  readonly workerOptions: ResolvedInboundWorkerOptions;
  readonly workerLogging: LoggingOptions;
  readonly #connectionOptions: OpenConnectionOptions;

  constructor(
    core: PoolCore<InboundPlugin, InboundEvent>,
    options: InboundPoolOptions,
    workerOptions: ResolvedInboundWorkerOptions,
  ) {
    this.core = core;
    this.workerOptions = workerOptions;
    this.workerLogging = inheritLogging(options, options.worker);
    this.#connectionOptions = {
      ...options.connection,
      ...inheritLogging(options, options.connection),
      clock: core.options.clock,
    };
  }

  /** Returns the options of the connection of a peer. */
  connectionOptions(id: string, meter: ConnectionMeter): OpenConnectionOptions {
    const options = this.#connectionOptions;
    return options.logger === undefined ? { ...options, meter } : {
      ...options,
      meter,
      logAttributes: { pool_id: this.core.id, peer_id: id },
    };
  }
}

/** One socket in the pool: makes the plugin of its worker, and takes what the worker reports. */
export class Registration implements PeerOwner<InboundPlugin, InboundEvent> {
  readonly #context: RegistrationContext;
  readonly #session: number;
  readonly #socket: Socket;

  constructor(context: RegistrationContext, session: number, socket: Socket) {
    this.#context = context;
    this.#session = session;
    this.#socket = socket;
  }

  makePlugin(peer: InboundPeer): InboundPlugin {
    const { id, delivery, counter } = peer;
    const { core, workerOptions, workerLogging } = this.#context;
    // Before the worker starts, which may report the end at once.
    counter.connected();
    core.log?.debug("Peer added", { peer_id: id, session: this.#session });
    return {
      id,
      session: this.#session,
      socket: this.#socket,
      delivery,
      counter,
      clock: core.options.clock,
      onExit: (exit) => this.#leave(peer, exit),
      onError: (error) => this.#report(peer, error),
      connectionOptions: this.#context.connectionOptions(id, counter),
      workerOptions,
      log: createLog(workerLogging, {
        component: "inbound_worker",
        pool_id: core.id,
        peer_id: id,
      }),
    };
  }

  ended(peer: InboundPeer, error: Error | undefined): void {
    this.#leave(
      peer,
      error === undefined
        ? { kind: "disconnected" }
        : { kind: "dropped-error", error: peer.workerFailed(error) },
    );
  }

  release(peer: InboundPeer, error: Error | undefined): void {
    notify(
      () => this.#socket.terminate(error),
      (thrown) => this.#report(peer, thrown),
    );
  }

  #report(peer: InboundPeer, error: Error): void {
    this.#context.core.report(peer.id, error);
  }

  #leave(peer: InboundPeer, given: InboundExit): void {
    if (peer.retired) return;
    const { id } = peer;
    const { core } = this.#context;
    const session = this.#session;
    const exit = checkExit(peer, given);
    const at = core.options.clock.date();
    peer.counter.lost();
    core.leave(peer, { id, at, session, ...exit });
    core.log?.info("Peer left", { peer_id: id, session, ...exit });
  }
}

/** How the connection ended according to the worker, if it gave a valid exit. */
function checkExit(peer: InboundPeer, given: unknown): InboundExit {
  if (isExit(given)) return given;
  const cause = new TypeError(
    `onExit must be given an object whose kind is one of ${
      Object.keys(EXITS).join(", ")
    }.`,
  );
  return { kind: "dropped-error", error: peer.workerFailed(cause) };
}

function isExit(value: unknown): value is InboundExit {
  return typeof value === "object" && value !== null && "kind" in value &&
    typeof value.kind === "string" && Object.hasOwn(EXITS, value.kind);
}

const EXITS: Readonly<Record<InboundExit["kind"], true>> = {
  "disconnected": true,
  "dropped-close": true,
  "dropped-error": true,
  "evicted-policy": true,
};
