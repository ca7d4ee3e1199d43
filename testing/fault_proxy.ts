import type { Server, Socket } from "node:net";
import { type Clock, systemClock } from "../transport/base/clock.ts";
import {
  checkFields,
  checkMethods,
  checkWord,
  numberOption,
  type OptionNames,
  refuseArgument,
} from "../transport/base/options.ts";
import { LISTEN_RULES } from "../transport/base/rules.ts";
import { builtin } from "../transport/base/runtime.ts";
import {
  type AllFaults,
  checkDirection,
  checkFaults,
  type Direction,
  DIRECTIONS,
  type Faults,
  NO_FAULTS,
  type StallKind,
} from "./faults.ts";
import { ProxiedConnection } from "./proxied_connection.ts";
import {
  checkCut,
  type CutOptions,
  type ProxyConnection,
} from "./proxy_connection.ts";
import { type LaneStats, NO_BYTES } from "./proxy_lane.ts";
import { seededRandom } from "./seeded_random.ts";

/**
 * What the proxy does with new connections.
 *
 * - `"open"`: it connects them to the target.
 * - `"stall"`: it accepts them, and then nothing happens, as if the host had died. The target is not connected until it
 *   is `"open"` again.
 * - `"refuse"`: it does not listen.
 */
export type Accepting = "open" | "stall" | "refuse";

/** Options of a {@link FaultProxy}. */
export interface FaultProxyOptions {
  /**
   * The address to listen on.
   *
   * @default {"127.0.0.1"}
   */
  readonly hostname?: string;
  /**
   * The port to listen on; 0 for any that is free.
   *
   * @default {0}
   */
  readonly port?: number;
  /**
   * The seed of its random numbers.
   *
   * @default {1}
   */
  readonly seed?: number;
  /**
   * The clock that measures delays.
   *
   * @default {the runtime's own time}
   */
  readonly clock?: Clock;
  /**
   * The faults from the start on, in both directions.
   *
   * @default {none}
   */
  readonly faults?: Faults;
}

const NAMES: OptionNames<FaultProxyOptions> = {
  hostname: true,
  port: true,
  seed: true,
  clock: true,
  faults: true,
};

/** The figures of a {@link FaultProxy}, over present and past connections. */
export interface FaultProxyStats {
  /** The number of connections that were accepted. */
  readonly accepted: number;
  /** The number of connections that are open. */
  readonly active: number;
  /** The number of connections that were cut. */
  readonly cut: number;
  /** The number of bytes to the target. */
  readonly up: LaneStats;
  /** The number of bytes from the target. */
  readonly down: LaneStats;
}

/**
 * A TCP proxy with the faults of a bad network: it delays, throttles, cuts and corrupts connections, or leaves them
 * half open.
 *
 * - Faults can be changed at any time, for both directions or one, for all connections, present and future, or for one
 *   of {@link FaultProxy.connections}.
 * - A cut is a real TCP reset, or an ordinary end, after exactly the number of bytes that you ask for.
 * - After {@link FaultProxy.close}, nothing is left open.
 *
 * It needs permission for the network only, and connects only to its target.
 *
 * @example
 * ```ts
 * import { FaultProxy } from "@honeybee/honeybee/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * await using proxy = await FaultProxy.listen(server.addr);
 * const conn = await Deno.connect(proxy.addr);
 * const peer = await server.accept();
 * proxy.stall("swallow");
 * await conn.write(new Uint8Array(10));
 * proxy.cut({ how: "end" });
 * assertEquals(await peer.read(new Uint8Array(10)), null);
 * for (const end of [conn, peer, server]) end.close();
 * ```
 */
export class FaultProxy implements AsyncDisposable {
  readonly #target: { readonly hostname: string; readonly port: number };
  readonly #seed: number;
  readonly #clock: Clock;
  readonly #hostname: string;
  readonly #faults: Record<Direction, AllFaults>;
  readonly #connections = new Set<ProxiedConnection>();
  #server: Server | undefined;
  #accepting: Accepting = "refuse";
  /** The last change of {@link FaultProxy.accepting}. */
  #changed: Promise<void> = Promise.resolve();
  #port: number;
  #accepted = 0;
  #cuts = 0;
  #past: Record<Direction, LaneStats> = { up: NO_BYTES, down: NO_BYTES };
  #closed: Promise<void> | undefined;

  private constructor(
    target: { readonly hostname: string; readonly port: number },
    options: FaultProxyOptions,
  ) {
    checkFields("", NAMES, options);
    checkMethods("clock", options.clock, ["now", "timer"]);
    if (typeof target?.port !== "number") {
      throw refuseArgument(
        "forward",
        "target",
        "a hostname and a port",
        target,
      );
    }
    checkFaults(options.faults ?? {});
    this.#target = target;
    this.#seed = options.seed ?? 1;
    this.#clock = options.clock ?? systemClock;
    this.#hostname = options.hostname ?? "127.0.0.1";
    this.#port = numberOption("port", LISTEN_RULES.port, options.port);
    const faults = { ...NO_FAULTS, ...options.faults };
    this.#faults = { up: faults, down: faults };
  }

  /**
   * Begins to listen, for a target that need not be there yet.
   *
   * @param target Its address: a `Deno.NetAddr` is one.
   * @throws {ConfigError} `invalid-option` if the port or a fault has a value that is not allowed.
   * @throws What the runtime throws if the port cannot be opened.
   */
  static async listen(
    target: { readonly hostname: string; readonly port: number },
    options: FaultProxyOptions = {},
  ): Promise<FaultProxy> {
    const proxy = new FaultProxy(target, options);
    await proxy.setAccepting("open");
    return proxy;
  }

  /** The address on which it listens. */
  get addr(): { readonly hostname: string; readonly port: number } {
    return { hostname: this.#hostname, port: this.#port };
  }

  /** Returns the address on which it listens as a WebSocket URL, with this path. */
  url(path = ""): string {
    const host = this.#hostname;
    return `ws://${
      host.includes(":") ? `[${host}]` : host
    }:${this.#port}${path}`;
  }

  /** The open connections, the oldest first. */
  get connections(): readonly ProxyConnection[] {
    return [...this.#connections];
  }

  /** What the proxy does with new connections. */
  get accepting(): Accepting {
    return this.#accepting;
  }

  /** Returns the figures of the proxy. */
  stats(): FaultProxyStats {
    let { up, down } = this.#past;
    for (const connection of this.#connections) {
      up = sum(up, connection.up);
      down = sum(down, connection.down);
    }
    return {
      accepted: this.#accepted,
      active: this.#connections.size,
      cut: this.#cuts,
      up,
      down,
    };
  }

  /**
   * Changes the faults of all connections, present and future. What is
   * left out stays as it is.
   *
   * @param direction The direction. Default: both.
   * @throws {ConfigError} `invalid-option` if a value is not allowed.
   */
  set(faults: Faults, direction?: Direction): void {
    checkFaults(faults);
    checkDirection(direction);
    for (const way of direction ? [direction] : DIRECTIONS) {
      this.#faults[way] = { ...this.#faults[way], ...faults };
    }
    for (const connection of this.#connections) {
      connection.set(faults, direction);
    }
  }

  /**
   * Makes all connections, present and future, half open: nothing is answered, nothing is
   * closed. New ones are accepted; see also {@link FaultProxy.setAccepting}.
   */
  stall(how: StallKind = "hold", direction?: Direction): void {
    this.set({ stall: how }, direction);
  }

  /** Ends a stall. */
  resume(direction?: Direction): void {
    this.set({ stall: false }, direction);
  }

  /**
   * Cuts all open connections, at once or each after a number of further bytes.
   *
   * @throws {ConfigError} `invalid-option`, `unknown-option`.
   */
  cut(options: CutOptions = {}): void {
    checkCut(options);
    for (const connection of this.#connections) connection.cut(options);
  }

  /**
   * Changes how new connections are treated. Existing ones are not affected. Calls that overlap run one after the
   * other; after {@link FaultProxy.close} they do nothing.
   *
   * @throws {ConfigError} `invalid-option` when it is none of the three.
   * @throws What the runtime throws if the port cannot be opened again. The proxy then refuses, and you may try again.
   */
  async setAccepting(accepting: Accepting): Promise<void> {
    checkWord("accepting", ["open", "stall", "refuse"], accepting);
    const changed = this.#changed.then(() => this.#change(accepting));
    this.#changed = changed.catch(() => {});
    await changed;
  }

  /** Closes everything. Resolves when nothing is left; safe to call twice. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Closes everything. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #change(accepting: Accepting): Promise<void> {
    if (this.#closed !== undefined) return;
    if (accepting === "refuse") {
      this.#server?.close();
      this.#server = undefined;
    } else this.#server ??= await this.#listen();
    this.#accepting = accepting;
    if (accepting !== "open") return;
    for (const connection of this.#connections) connection.open();
  }

  async #close(): Promise<void> {
    await this.#changed;
    const server = this.#server;
    this.#server = undefined;
    const stopped = new Promise<void>((resolve) => {
      if (server === undefined) resolve();
      else server.close(() => resolve());
    });
    const connections = [...this.#connections];
    for (const connection of connections) connection.close();
    await Promise.all(connections.map(({ closed }) => closed));
    await stopped;
  }

  #listen(): Promise<Server> {
    const server = builtin("node:net").createServer(
      { allowHalfOpen: true, pauseOnConnect: true },
      (client) => this.#accept(client),
    );
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, this.#hostname, () => {
        const address = server.address();
        if (address !== null && typeof address === "object") {
          this.#port = address.port;
        }
        resolve(server);
      });
    });
  }

  #accept(client: Socket): void {
    const number = ++this.#accepted;
    // Each direction has random numbers of its own, so that neither changes those of the other.
    const seed = this.#seed * 65_537 + 2 * number;
    const connection = new ProxiedConnection({
      client,
      target: this.#target,
      clock: this.#clock,
      faults: this.#faults,
      random: { up: seededRandom(seed), down: seededRandom(seed + 1) },
      onCut: () => this.#cuts++,
      onClosed: () => {
        this.#connections.delete(connection);
        this.#past = {
          up: sum(this.#past.up, connection.up),
          down: sum(this.#past.down, connection.down),
        };
      },
    });
    this.#connections.add(connection);
    if (this.#accepting === "open") connection.open();
  }
}

function sum(a: LaneStats, b: LaneStats): LaneStats {
  return {
    received: a.received + b.received,
    forwarded: a.forwarded + b.forwarded,
    swallowed: a.swallowed + b.swallowed,
    corrupted: a.corrupted + b.corrupted,
  };
}
