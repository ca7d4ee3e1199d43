import { notify } from "../transport/base/callbacks.ts";
import type { Clock } from "../transport/base/clock.ts";
import { ConfigError, PoolError } from "../transport/base/errors.ts";
import { createLog, inheritLogging } from "../transport/base/logging.ts";
import { isClaimed } from "../transport/connection/arguments.ts";
import type { OpenConnectionOptions } from "../transport/connection/options.ts";
import type { ConnectionMeter } from "../transport/connection/meter.ts";
import { checkId } from "../transport/pool/options.ts";
import { makeWorker, type Peer } from "../transport/pool/peer.ts";
import type { PoolCore } from "../transport/pool/pool.ts";
import { NativeSocket } from "../transport/socket/native_socket.ts";
import type { Socket } from "../transport/socket/socket.ts";
import type { InboundPoolOptions, ResolvedInboundOptions } from "./options.ts";
import type {
  InboundEvent,
  InboundExit,
  InboundPlugin,
  InboundWorker,
} from "./plugin.ts";
import { DefaultInboundWorker } from "./worker.ts";

type InboundPeer = Peer<InboundPlugin, InboundEvent>;

/** Adds peers to an inbound pool, and removes them. */
export class Registrar {
  readonly #core: PoolCore<InboundPlugin, InboundEvent>;
  readonly #options: InboundPoolOptions;
  readonly #own: ResolvedInboundOptions;
  readonly #connectionOptions: OpenConnectionOptions;

  /** Creates a registrar for the pool of `core`. */
  constructor(
    core: PoolCore<InboundPlugin, InboundEvent>,
    options: InboundPoolOptions,
    own: ResolvedInboundOptions,
  ) {
    this.#core = core;
    this.#options = options;
    this.#own = own;
    this.#connectionOptions = {
      ...options.connection,
      ...inheritLogging(options, options.connection),
      clock: core.options.clock,
    };
  }

  /** The source of time. */
  get clock(): Clock {
    return this.#core.options.clock;
  }

  /** Puts an error into the pool's `errors`. */
  report(error: Error): void {
    this.#core.report(undefined, error);
  }

  /** @throws {PoolError} `pool-closed`. */
  checkOpen(action: string): void {
    this.#core.checkOpen(action);
  }

  /** @throws {PoolError} `pool-closed`, `pool-full`. */
  checkRoom(action: string): void {
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
   * @returns A function that adds the peer with its socket. It must be called before anything else happens.
   * @throws {PoolError} `pool-closed`, `peer-exists`, `pool-full`, `worker-failed`.
   * @throws {ConfigError} When the id cannot be used.
   */
  reserve(
    action: string,
    id: string,
    replace: boolean,
  ): (socket: Socket | WebSocket) => void {
    const core = this.#core;
    core.checkOpen(action);
    checkId("id", id);
    const old = core.peers.get(id);
    if (old === undefined) this.checkRoom(action);
    else if (!replace) {
      throw new PoolError(
        "peer-exists",
        `Cannot ${action}: ${core.label} has a peer ${
          JSON.stringify(id)
        } already. Use another id, or replace().`,
      );
    }
    const { workerFactory = () => new DefaultInboundWorker() } = this.#options;
    const worker = makeWorker(workerFactory, id, id);
    return (socket) => {
      if (old !== undefined) void core.dismiss(old, 1000, "Replaced", true);
      this.#admit(id, worker, socket);
    };
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
    throw new ConfigError(
      "invalid-argument",
      "socket",
      `Cannot ${action}: socket must be a Socket or a WebSocket, and is ${
        String(socket)
      }.`,
    );
  }

  #admit(id: string, worker: InboundWorker, given: Socket | WebSocket): void {
    const core = this.#core;
    const { clock } = core.options;
    const session = core.sessions.next(id);
    const socket = given instanceof WebSocket
      ? new NativeSocket(given, { clock })
      : given;
    taken.add(given);
    core.log?.debug("Peer added", { peer_id: id, session });
    core.admit({
      id,
      worker,
      makePlugin: (peer) => this.#makePlugin(peer, session, socket, clock),
      ended: (peer, error) =>
        this.#leave(peer, session, {
          ...(error === undefined ? { kind: "disconnected" } : {
            kind: "dropped-error",
            error: peer.workerFailed(error),
          }),
        }),
      release: (error) =>
        notify(
          () => socket.terminate(error),
          (thrown) => core.report(id, thrown),
        ),
    }).counter.connected();
  }

  #makePlugin(
    peer: InboundPeer,
    session: number,
    socket: Socket,
    clock: Clock,
  ): InboundPlugin {
    const { id, delivery, counter } = peer;
    const core = this.#core;
    return {
      id,
      session,
      socket,
      delivery,
      counter,
      clock,
      onExit: (exit) => this.#leave(peer, session, exit),
      onError: (error) => core.report(id, error),
      connectionOptions: this.#optionsOf(id, counter),
      workerOptions: this.#own.worker,
      log: createLog(inheritLogging(this.#options, this.#options.worker), {
        component: "inbound_worker",
        pool_id: core.id,
        peer_id: id,
      }),
    };
  }

  #optionsOf(id: string, meter: ConnectionMeter): OpenConnectionOptions {
    const options = this.#connectionOptions;
    return options.logger === undefined ? { ...options, meter } : {
      ...options,
      meter,
      logAttributes: { pool_id: this.#core.id, peer_id: id },
    };
  }

  #leave(peer: InboundPeer, session: number, given: InboundExit): void {
    if (peer.retired) return;
    const { id } = peer;
    const exit = checkExit(peer, given);
    const at = this.#core.options.clock.date();
    peer.counter.lost();
    this.#core.log?.info("Peer left", { peer_id: id, session, ...exit });
    this.#core.leave(peer, { id, at, session, ...exit });
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

/** Sockets that were given to a pool, to notice one that is given twice. */
const taken = new WeakSet<object>();

function isSocket(value: unknown): value is object {
  if (value instanceof WebSocket) return true;
  return typeof value === "object" && value !== null &&
    typeof Reflect.get(value, "start") === "function" &&
    typeof Reflect.get(value, "write") === "function" &&
    typeof Reflect.get(value, "terminate") === "function";
}
