import type { Socket } from "node:net";
import type { Clock } from "../transport/base/clock.ts";
import { builtin } from "../transport/base/runtime.ts";
import {
  type AllFaults,
  checkDirection,
  checkFaults,
  type CutKind,
  type Direction,
  DIRECTIONS,
  type Faults,
  type StallKind,
} from "./faults.ts";
import {
  checkCut,
  type CutOptions,
  type ProxyConnection,
} from "./proxy_connection.ts";
import { Lane, type LaneStats, NO_BYTES } from "./proxy_lane.ts";

/** What a {@link ProxiedConnection} needs. */
export interface ProxiedConnectionOptions {
  readonly client: Socket;
  readonly target: { readonly hostname: string; readonly port: number };
  readonly clock: Clock;
  readonly faults: Readonly<Record<Direction, AllFaults>>;
  readonly random: Readonly<Record<Direction, () => number>>;
  readonly onCut: () => void;
  readonly onClosed: () => void;
}

/** A connection through a proxy, over `node:net`, which can send real resets. */
export class ProxiedConnection implements ProxyConnection {
  readonly #options: ProxiedConnectionOptions;
  readonly #faults: Record<Direction, AllFaults>;
  readonly #closed = Promise.withResolvers<void>();
  #lanes: Record<Direction, Lane> | undefined;
  #target: Socket | undefined;
  #cutHow: CutKind | undefined;
  #openEnds = 1;

  /** Takes over an accepted connection, and waits to be opened. */
  constructor(options: ProxiedConnectionOptions) {
    this.#options = options;
    this.#faults = { ...options.faults };
    options.client.setNoDelay(true);
    this.#watch(options.client);
  }

  get clientPort(): number | undefined {
    return this.#options.client.remotePort;
  }

  get isCut(): boolean {
    return this.#cutHow !== undefined;
  }

  get up(): LaneStats {
    return this.#lanes?.up.stats ?? NO_BYTES;
  }

  get down(): LaneStats {
    return this.#lanes?.down.stats ?? NO_BYTES;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  set(faults: Faults, direction?: Direction): void {
    checkFaults(faults);
    checkDirection(direction);
    for (const way of direction ? [direction] : DIRECTIONS) {
      this.#faults[way] = { ...this.#faults[way], ...faults };
      this.#lanes?.[way].set(this.#faults[way]);
    }
  }

  stall(how: StallKind = "hold", direction?: Direction): void {
    this.set({ stall: how }, direction);
  }

  resume(direction?: Direction): void {
    this.set({ stall: false }, direction);
  }

  cut(options: CutOptions = {}): void {
    checkCut(options);
    const { how = "reset", after, direction = "down" } = options;
    if (after === undefined) return this.#cut(how);
    const cutAt = this[direction].forwarded + after;
    this.set({ cutAt, cutWith: how }, direction);
  }

  /** Dials the target, and lets bytes through. */
  open(): void {
    if (this.#target !== undefined || this.#openEnds === 0) return;
    const { target: { hostname, port }, client, clock, random } = this.#options;
    const target = builtin("node:net").connect({
      host: hostname,
      port,
      allowHalfOpen: true,
    });
    this.#target = target;
    this.#openEnds++;
    this.#watch(target);
    target.once("connect", () => {
      target.setNoDelay(true);
      if (this.#cutHow !== undefined) return endSocket(target, this.#cutHow);
      const onCut = (how: CutKind) => this.#cut(how);
      const up = { source: client, sink: target, random: random.up };
      const down = { source: target, sink: client, random: random.down };
      this.#lanes = {
        up: new Lane({ ...up, clock, onCut }),
        down: new Lane({ ...down, clock, onCut }),
      };
      for (const way of DIRECTIONS) this.#lanes[way].set(this.#faults[way]);
    });
  }

  /** Closes both ends at once. */
  close(): void {
    for (const way of DIRECTIONS) this.#lanes?.[way].close();
    this.#options.client.destroy();
    this.#target?.destroy();
  }

  #cut(how: CutKind): void {
    if (this.#cutHow !== undefined) return;
    this.#cutHow = how;
    this.#options.onCut();
    for (const way of DIRECTIONS) this.#lanes?.[way].close();
    for (const end of [this.#options.client, this.#target]) {
      // One that is being opened is ended as soon as it is open.
      if (end !== undefined && !end.connecting) endSocket(end, how);
    }
  }

  #watch(end: Socket): void {
    end.on("error", () => {
      // A target that cannot be reached.
      if (this.#lanes === undefined) this.#cut("reset");
    });
    end.on("close", () => {
      if (--this.#openEnds > 0) return;
      for (const way of DIRECTIONS) this.#lanes?.[way].close();
      this.#closed.resolve();
      this.#options.onClosed();
    });
  }
}

function endSocket(socket: Socket, how: CutKind): void {
  if (socket.destroyed) return;
  if (how === "reset") socket.resetAndDestroy();
  // Closing a socket with unread data sends a reset.
  else socket.resume().end();
}
