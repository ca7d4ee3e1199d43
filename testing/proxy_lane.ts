import type { Socket } from "node:net";
import type { Clock } from "../transport/base/clock.ts";
import { type AllFaults, type CutKind, NO_FAULTS } from "./faults.ts";

/** The figures of one direction of a proxied connection, in bytes. */
export interface LaneStats {
  /** Bytes that were read from the sender. */
  readonly received: number;
  /** Bytes that were sent to the receiver. */
  readonly forwarded: number;
  /** Bytes that were lost in a stall. */
  readonly swallowed: number;
  /** Bytes that were changed. */
  readonly corrupted: number;
}

/** The figures of a direction through which nothing has come. */
export const NO_BYTES: LaneStats = {
  received: 0,
  forwarded: 0,
  swallowed: 0,
  corrupted: 0,
};

/** What a {@link Lane} needs. */
export interface LaneOptions {
  readonly source: Socket;
  readonly sink: Socket;
  readonly clock: Clock;
  readonly random: () => number;
  /** The connection has to be cut. */
  readonly onCut: (how: CutKind) => void;
}

/** Bytes that are being forwarded, or how the sender ended: in the order in which they arrived. */
interface Parcel {
  readonly at: number;
  readonly content: Uint8Array | "end" | "reset";
}

/** The maximum number of bytes that are being forwarded; then the proxy stops reading. */
const MOST_ON_THE_WAY = 262_144;
/** The part of a second for which a throttled direction forwards bytes at a time. */
const SLICES_A_SECOND = 50;

/** One direction of a proxied connection. */
export class Lane {
  readonly #options: LaneOptions;
  readonly #corruptAt = new Set<number>();
  #faults = NO_FAULTS;
  #parcels: Parcel[] = [];
  #onTheWay = 0;
  /** The time at which the throttle has forwarded what came before. */
  #busyUntil = 0;
  #cancelTimer: (() => void) | undefined;
  #sinkFull = false;
  #closed = false;

  #received = 0;
  #forwarded = 0;
  #swallowed = 0;
  #corrupted = 0;

  /** Begins to read. */
  constructor(options: LaneOptions) {
    this.#options = options;
    const { source, sink } = options;
    source.on("data", (bytes: Uint8Array) => this.#arrived(bytes));
    source.on("end", () => this.#add("end"));
    source.on("error", () => this.#add("reset"));
    sink.on("drain", () => {
      this.#sinkFull = false;
      this.#forgive();
      this.#pump();
    });
  }

  /** What went through. */
  get stats(): LaneStats {
    return {
      received: this.#received,
      forwarded: this.#forwarded,
      swallowed: this.#swallowed,
      corrupted: this.#corrupted,
    };
  }

  /** Changes the faults. */
  set(faults: AllFaults): void {
    this.#faults = faults;
    this.#corruptAt.clear();
    for (const offset of faults.corruptAt) this.#corruptAt.add(offset);
    this.#forgive();
    this.#pump();
  }

  /** Stops forwarding: data that still arrives is read and dropped. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#parcels = [];
    this.#options.source.resume();
  }

  #arrived(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#received += bytes.length;
    this.#onTheWay += bytes.length;
    this.#add(bytes);
  }

  #add(content: Parcel["content"]): void {
    if (this.#closed) return;
    this.#parcels.push({ at: this.#options.clock.now(), content });
    this.#pump();
  }

  /** Time during a stall does not count as time in which bytes could have been forwarded. */
  #forgive(): void {
    const { clock } = this.#options;
    this.#busyUntil = Math.max(
      this.#busyUntil,
      clock.now() - this.#faults.delay,
    );
  }

  /** Forwards what may be forwarded, and schedules a call for the rest. */
  #pump(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#closed) return;
    if (this.#faults.stall === "swallow") this.#swallow();
    else if (this.#faults.stall === false) { while (this.#step()); }
    // A step may have cut the connection.
    if (this.#closed) return;
    const { source } = this.#options;
    if (
      this.#faults.stall === "hold" || this.#onTheWay >= MOST_ON_THE_WAY
    ) source.pause();
    else source.resume();
  }

  #swallow(): void {
    this.#swallowed += this.#onTheWay;
    this.#onTheWay = 0;
    this.#parcels = this.#parcels.filter((parcel) =>
      typeof parcel.content === "string"
    );
  }

  /** @returns Whether there may be more to hand on now. */
  #step(): boolean {
    const { clock, sink } = this.#options;
    const { delay, throttle, cutAt, cutWith } = this.#faults;
    if (this.#forwarded >= cutAt) return this.#cut(cutWith);
    const parcel = this.#parcels[0];
    if (parcel === undefined || this.#sinkFull) return false;
    const { content, at } = parcel;
    const size = typeof content === "string" ? 0 : Math.min(
      content.length,
      cutAt - this.#forwarded,
      throttle > 0
        ? Math.max(1, Math.floor(throttle / SLICES_A_SECOND))
        : Infinity,
    );
    const through = Math.max(this.#busyUntil, at) +
      (throttle > 0 ? size * 1_000 / throttle : 0);
    const wait = through + delay - clock.now();
    if (wait > 0) {
      this.#cancelTimer = clock.timer(() => this.#pump(), Math.ceil(wait));
      return false;
    }
    this.#busyUntil = through;
    if (content === "reset") return this.#cut("reset");
    this.#parcels.shift();
    if (content === "end") sink.end();
    else {
      if (size < content.length) {
        this.#parcels.unshift({ at, content: content.subarray(size) });
      }
      this.#forward(content.subarray(0, size));
    }
    return true;
  }

  /** A reset would overtake what has not been written yet. */
  #cut(how: CutKind): false {
    const { sink, onCut } = this.#options;
    if (sink.destroyed || sink.writableLength === 0) onCut(how);
    return false;
  }

  #forward(bytes: Uint8Array): void {
    const { sink } = this.#options;
    this.#onTheWay -= bytes.length;
    this.#corrupt(bytes);
    this.#forwarded += bytes.length;
    // A receiver that has left takes nothing; the other direction notices that it has left.
    if (!sink.writable) return;
    if (!sink.write(bytes, () => this.#pump())) this.#sinkFull = true;
  }

  #corrupt(bytes: Uint8Array): void {
    const { corruption } = this.#faults;
    if (corruption === 0 && this.#corruptAt.size === 0) return;
    const { random } = this.#options;
    bytes.forEach((byte, i) => {
      let flip = this.#corruptAt.has(this.#forwarded + i) ? 0xff : 0;
      if (corruption > 0 && random() < corruption) {
        flip ^= 1 + Math.floor(random() * 255);
      }
      if (flip === 0) return;
      bytes[i] = byte ^ flip;
      this.#corrupted++;
    });
  }
}
