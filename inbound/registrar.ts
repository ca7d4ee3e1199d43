import type { Clock } from "../transport/base/clock.ts";
import { ConfigError, PoolError } from "../transport/base/errors.ts";
import { refuseArgument } from "../transport/base/options.ts";
import { isNativeWebSocket } from "../transport/base/runtime.ts";
import { isClaimed } from "../transport/connection/arguments.ts";
import { checkId } from "../transport/pool/options.ts";
import { makeWorker } from "../transport/pool/peer.ts";
import type { PoolCore } from "../transport/pool/pool.ts";
import { NativeSocket } from "../transport/socket/native_socket.ts";
import type { Socket } from "../transport/socket/socket.ts";
import type { InboundPoolOptions, ResolvedInboundOptions } from "./options.ts";
import type { InboundEvent, InboundPlugin, InboundWorker } from "./plugin.ts";
import { Registration, RegistrationContext } from "./registration.ts";
import { DefaultInboundWorker } from "./worker.ts";

/** Adds peers to an inbound pool, and removes them. */
export class Registrar {
  readonly #core: PoolCore<InboundPlugin, InboundEvent>;
  readonly #options: InboundPoolOptions;
  readonly #own: ResolvedInboundOptions;
  readonly #context: RegistrationContext;

  /** Creates a registrar for the pool of `core`. */
  constructor(
    core: PoolCore<InboundPlugin, InboundEvent>,
    options: InboundPoolOptions,
    own: ResolvedInboundOptions,
  ) {
    this.#core = core;
    this.#options = options;
    this.#own = own;
    this.#context = new RegistrationContext(core, options, own.worker);
  }

  /** The source of time. */
  get clock(): Clock {
    return this.#core.options.clock;
  }

  /** Puts an error into the pool's `errors`. */
  report(error: Error, id?: string): void {
    this.#core.report(id, error);
  }

  /** @throws {PoolError} `pool-closed`. */
  checkOpen(action: string): void {
    this.#core.checkOpen(action);
  }

  /** @throws {PoolError} `pool-closed`, `pool-full`. */
  checkCapacity(action: string): void {
    this.checkOpen(action);
    const { maxPeers } = this.#own;
    if (this.#core.peers.size < maxPeers) return;
    throw new PoolError(
      "pool-full",
      `Cannot ${action}: ${this.#core.label} is full. It has maxPeers (${maxPeers}) peers.`,
    );
  }

  /**
   * Checks whether a peer can be added, and makes its worker.
   *
   * @returns A function that adds the peer with its socket. It must be called before anything else happens. It returns
   * the number of the connection, or `undefined` if the peer has left already.
   * @throws {PoolError} `pool-closed`, `peer-exists`, `pool-full`, `worker-failed`.
   * @throws {ConfigError} When the id cannot be used.
   */
  reserve(
    action: string,
    id: string,
    replace: boolean,
  ): (socket: Socket | WebSocket) => number | undefined {
    this.#core.checkOpen(action);
    checkId("id", id);
    this.#checkFree(action, id, replace);
    const { workerFactory = () => new DefaultInboundWorker() } = this.#options;
    const worker = makeWorker(workerFactory, id, id);
    // The factory may have closed the pool, or added peers.
    this.#checkFree(action, id, replace);
    return (socket) => this.#admit(id, worker, socket);
  }

  /**
   * Checks whether a peer can be added under an id.
   *
   * @throws {PoolError} `pool-closed`, `peer-exists`, `pool-full`.
   */
  #checkFree(action: string, id: string, replace: boolean): void {
    const core = this.#core;
    core.checkOpen(action);
    if (!core.peers.has(id)) this.checkCapacity(action);
    else if (!replace) {
      throw new PoolError(
        "peer-exists",
        `Cannot ${action}: ${core.label} has a peer ${
          JSON.stringify(id)
        } already. Use another id, or replace().`,
      );
    }
  }

  /**
   * @throws {PoolError} `pool-closed`.
   * @throws {ConfigError} For an invalid id, and for a socket that is invalid or was given before.
   */
  checkSocket(action: string, id: string, socket: unknown): void {
    this.#core.checkOpen(action);
    checkId("id", id);
    if (isSocket(socket)) {
      if (!taken.has(socket) && !isClaimed(socket)) return;
      throw new ConfigError(
        "invalid-argument",
        "socket",
        `Cannot ${action}: the socket was given to a pool or a connection before. A socket can be given to one of them, once.`,
      );
    }
    throw refuseArgument(
      action,
      "socket",
      "a Socket or a WebSocket of the runtime",
      socket,
    );
  }

  #admit(
    id: string,
    worker: InboundWorker,
    given: Socket | WebSocket,
  ): number | undefined {
    const core = this.#core;
    const { clock } = core.options;
    const session = core.sessions.next(id);
    const socket = isNativeWebSocket(given)
      ? new NativeSocket(given, { clock })
      : given;
    taken.add(given);
    const owner = new Registration(this.#context, session, socket);
    const peer = core.admit({ id, worker, owner });
    return peer.retired ? undefined : session;
  }
}

/** Sockets that were given to a pool, to notice one that is given twice. */
const taken = new WeakSet<object>();

function isSocket(value: unknown): value is object {
  if (isNativeWebSocket(value)) return true;
  return typeof value === "object" && value !== null &&
    typeof Reflect.get(value, "start") === "function" &&
    typeof Reflect.get(value, "write") === "function" &&
    typeof Reflect.get(value, "terminate") === "function";
}
