import { connect, type Socket } from "node:net";
import type { Clock } from "../transport/clock.ts";
import {
  type AllFaults,
  checkFaults,
  type CutKind,
  type Direction,
  type Faults,
  type StallKind,
} from "./faults.ts";
import { Lane, type LaneStats } from "./proxy_lane.ts";

/** When and how to cut. */
export interface CutOptions {
  /** How. @default "reset" */
  readonly how?: CutKind;
  /** Not at once, but when so many more bytes have come through. @default at once */
  readonly after?: number;
  /** Which way's bytes `after` counts. @default "down" */
  readonly direction?: Direction;
}

/** What a {@link ProxyConnection} needs. */
export interface ProxyConnectionOptions {
  readonly client: Socket;
  readonly target: { readonly hostname: string; readonly port: number };
  readonly clock: Clock;
  readonly faults: Readonly<Record<Direction, AllFaults>>;
  readonly random: Readonly<Record<Direction, () => number>>;
  readonly onCut: () => void;
  readonly onClosed: () => void;
}

const NOTHING: LaneStats = {
  received: 0,
  forwarded: 0,
  swallowed: 0,
  corrupted: 0,
};

/** One connection through a {@link FaultProxy}, which makes it. */
export class ProxyConnection {
  readonly #options: ProxyConnectionOptions;
  readonly #faults: Record<Direction, AllFaults>;
  readonly #closed = Promise.withResolvers<void>();
  #lanes: Record<Direction, Lane> | undefined;
  #target: Socket | undefined;
  #cutHow: CutKind | undefined;
  #openEnds = 1;

  /** Made by the proxy. */
  constructor(options: ProxyConnectionOptions) {
    this.#options = options;
    this.#faults = { ...options.faults };
    options.client.setNoDelay(true);
    this.#watch(options.client);
  }

  /** The port of the client's end, while it is open. */
  get clientPort(): number | undefined {
    return this.#options.client.remotePort;
  }

  /** Whether it was cut. */
  get isCut(): boolean {
    return this.#cutHow !== undefined;
  }

  /** What went through to the target. */
  get up(): LaneStats {
    return this.#lanes?.up.stats ?? NOTHING;
  }

  /** What came through from the target. */
  get down(): LaneStats {
    return this.#lanes?.down.stats ?? NOTHING;
  }

  /** Resolves when both ends are closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /**
   * Changes what is wrong, from now on. What is left out stays as it is.
   *
   * @param direction The way. @default both
   * @throws {ConfigError} `invalid-option` when a value makes no sense.
   */
  set(faults: Faults, direction?: Direction): void {
    checkFaults(faults);
    for (const way of direction ? [direction] : WAYS) {
      this.#faults[way] = { ...this.#faults[way], ...faults };
      this.#lanes?.[way].set(this.#faults[way]);
    }
  }

  /** Makes it half open: nothing is answered, nothing is closed. */
  stall(how: StallKind = "hold", direction?: Direction): void {
    this.set({ stall: how }, direction);
  }

  /** Ends a stall. */
  resume(direction?: Direction): void {
    this.set({ stall: false }, direction);
  }

  /** Cuts it, at once or later. */
  cut(options: CutOptions = {}): void {
    const { how = "reset", after, direction = "down" } = options;
    if (after === undefined) return this.#cut(how);
    const cutAt = this[direction].forwarded + after;
    this.set({ cutAt, cutWith: how }, direction);
  }

  /** Dials the target, and lets bytes through. Made use of by the proxy. */
  open(): void {
    if (this.#target !== undefined || this.#openEnds === 0) return;
    const { target: { hostname, port }, client, clock, random } = this.#options;
    const target = connect({ host: hostname, port, allowHalfOpen: true });
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
      for (const way of WAYS) this.#lanes[way].set(this.#faults[way]);
    });
  }

  /** Closes both ends at once. Made use of by the proxy. */
  close(): void {
    for (const way of WAYS) this.#lanes?.[way].close();
    this.#options.client.destroy();
    this.#target?.destroy();
  }

  #cut(how: CutKind): void {
    if (this.#cutHow !== undefined) return;
    this.#cutHow = how;
    this.#options.onCut();
    for (const way of WAYS) this.#lanes?.[way].close();
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
      for (const way of WAYS) this.#lanes?.[way].close();
      this.#closed.resolve();
      this.#options.onClosed();
    });
  }
}

const WAYS: readonly Direction[] = ["up", "down"];

function endSocket(socket: Socket, how: CutKind): void {
  if (socket.destroyed) return;
  if (how === "reset") socket.resetAndDestroy();
  // Whoever closes with something unread sends a reset.
  else socket.resume().end();
}
