import type { MaskView } from "./mask.ts";
import { giveSlab, LARGE_SLAB, takeSlab } from "./slabs.ts";
import type { Source } from "./source.ts";

/** Something that waits to be written: a slab that is full, or a message in its owner's memory. */
interface Pending {
  readonly slab: MaskView | undefined;
  readonly length: number;
  /** Whether a frame ends where the slab ends, so that a control frame may follow. */
  readonly endsFrame: boolean;
  readonly source: Source | undefined;
}

/** Pongs that may wait: each answers its ping. More are a flood, of which the newest is answered. */
const MOST_PONGS = 16;

/** The bytes of one connection that wait to be written, in slabs that are held only while dirty. */
export class Outbox {
  /** The slab that is being filled. Between calls it ends with the end of a frame. */
  slab: MaskView | undefined;
  /** How far the slab is filled. */
  length = 0;
  /** How many bytes wait to be taken. */
  size = 0;

  #queue: Pending[] = [];
  /** Control frames that go ahead. */
  #pings: Uint8Array[] = [];
  #pongs: Uint8Array[] = [];

  #piece: Uint8Array | undefined;
  #pieceSlab: MaskView | undefined;
  #pieceDone: (() => void) | undefined;
  /** Whether what was taken last ends with the end of a frame. */
  #atFrameEnd = true;

  /** The slab to fill, with room for `size` bytes in it; only at the end of a frame. */
  reserve(size: number): MaskView {
    const slab = this.slab;
    if (slab !== undefined && slab.bytes.length - this.length >= size) {
      return slab;
    }
    return this.#grow(size, true);
  }

  /** A large slab to fill in the middle of a frame, with room for at least `size` bytes in it. */
  spread(size: number): MaskView {
    const slab = this.slab;
    return slab !== undefined && slab.bytes.length === LARGE_SLAB &&
        LARGE_SLAB - this.length >= size
      ? slab
      : this.#grow(LARGE_SLAB - this.length, false);
  }

  /**
   * Queues a message that stays where it is, behind what has been put into the slab.
   *
   * @param endsFrame Whether what is in the slab ends with the end of a frame.
   */
  append(source: Source, endsFrame: boolean): void {
    this.#seal(endsFrame);
    this.size += source.left;
    this.#queue.push({ slab: undefined, length: 0, endsFrame: true, source });
  }

  /** Has a ping go ahead at the next end of a frame. */
  ping(frame: Uint8Array): void {
    this.size += frame.length;
    this.#pings.push(frame);
  }

  /** Has a pong go ahead at the next end of a frame; when too many wait, in place of all of them. */
  pong(frame: Uint8Array): void {
    if (this.#pongs.length === MOST_PONGS) {
      for (const { length } of this.#pongs) this.size -= length;
      this.#pongs = [];
    }
    this.size += frame.length;
    this.#pongs.push(frame);
  }

  /** The next piece to write; the same one until `release`. */
  take(): Uint8Array | undefined {
    if (this.#piece !== undefined) return this.#piece;
    if (this.size === 0) return undefined;
    const piece = (this.#atFrameEnd ? this.#takeControl() : undefined) ??
      this.#takeData();
    this.#piece = piece;
    this.size -= piece.length;
    return piece;
  }

  /** Says that the piece has been written. */
  release(): void {
    const slab = this.#pieceSlab;
    const done = this.#pieceDone;
    this.#piece = undefined;
    this.#pieceSlab = undefined;
    this.#pieceDone = undefined;
    if (slab !== undefined) giveSlab(slab);
    if (done !== undefined) done();
  }

  /** Drops everything, but for the slab of a piece that was taken and not released. */
  clear(): void {
    const queue = this.#queue;
    const slab = this.slab;
    const done = this.#pieceDone;
    this.size = 0;
    this.slab = undefined;
    this.length = 0;
    this.#queue = [];
    this.#pings = [];
    this.#pongs = [];
    this.#piece = undefined;
    this.#pieceDone = undefined;
    if (slab !== undefined) giveSlab(slab);
    if (done !== undefined) done();
    for (const pending of queue) {
      if (pending.slab !== undefined) giveSlab(pending.slab);
      pending.source?.done();
    }
  }

  /** Goes from no slab to one, from a small one to a large one, or from a full one to the next. */
  #grow(size: number, endsFrame: boolean): MaskView {
    const old = this.slab;
    const length = this.length;
    if (old === undefined || length === 0) {
      if (old !== undefined) giveSlab(old);
      return this.slab = takeSlab(size);
    }
    const next = takeSlab(LARGE_SLAB);
    if (old.bytes.length < LARGE_SLAB && length + size <= LARGE_SLAB) {
      next.bytes.set(old.bytes.subarray(0, length));
      giveSlab(old);
    } else {
      this.#seal(endsFrame);
    }
    return this.slab = next;
  }

  /** Queues the slab that is being filled. */
  #seal(endsFrame: boolean): void {
    const slab = this.slab;
    if (slab === undefined) return;
    const length = this.length;
    this.#queue.push({ slab, length, endsFrame, source: undefined });
    this.slab = undefined;
    this.length = 0;
  }

  #takeControl(): Uint8Array | undefined {
    const frames = this.#pings;
    frames.push(...this.#pongs);
    if (frames.length === 0) return undefined;
    this.#pings = [];
    this.#pongs = [];
    const [only] = frames;
    return frames.length === 1 && only !== undefined ? only : concat(frames);
  }

  #takeData(): Uint8Array {
    const pending = this.#queue[0];
    if (pending?.source !== undefined) return this.#takeSource(pending.source);
    let slab = this.slab;
    let length = this.length;
    if (pending === undefined) {
      this.slab = undefined;
      this.length = 0;
      this.#atFrameEnd = true;
    } else {
      ({ slab, length } = pending);
      this.#queue.shift();
      this.#atFrameEnd = pending.endsFrame;
    }
    this.#pieceSlab = slab;
    return slab?.bytes.subarray(0, length) ?? new Uint8Array(0);
  }

  #takeSource(source: Source): Uint8Array {
    let piece = source.direct?.();
    if (piece === undefined) {
      const slab = takeSlab(LARGE_SLAB);
      this.#pieceSlab = slab;
      piece = slab.bytes.subarray(0, source.fill(slab));
    }
    this.#atFrameEnd = source.atFrameEnd;
    if (source.left === 0) {
      this.#queue.shift();
      this.#pieceDone = source.done;
    }
    return piece;
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(
    parts.reduce((sum, part) => sum + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
