import {
  giveBuffer,
  LARGE_BUFFER,
  SMALL_BUFFER,
  takeBuffer,
} from "./buffer_pool.ts";
import type { ConnectionError } from "../../base/errors.ts";
import { type BorrowedMessage, bufferChanged } from "./borrowed_message.ts";
import type { MaskView } from "../wire/mask.ts";

/** Something that waits to be written: a buffer that is full, or a message in its owner's memory. */
interface Pending {
  readonly buffer: MaskView | undefined;
  readonly length: number;
  /** Whether a frame ends where the buffer ends, so that a control frame may follow. */
  readonly endsFrame: boolean;
  readonly borrowed: BorrowedMessage | undefined;
}

/**
 * The maximum number of pongs that wait, which fit into a small buffer. If it is exceeded, only the newest ping is
 * answered.
 */
const MAX_PONGS = 16;

/** The bytes of one connection that wait to be written, in buffers that are held only while they are used. */
export class SendQueue {
  /** The buffer that is being filled. Between calls, its content ends with the end of a frame. */
  buffer: MaskView | undefined;
  /** How many bytes of the buffer are filled. */
  length = 0;
  /**
   * How many bytes wait, or were taken and not released yet. A field, since it is read several times for each message.
   */
  buffered = 0;

  #queue: Pending[] = [];
  /** What goes ahead of data: pings, and at the beginning the response of the opening handshake. */
  #ahead: Uint8Array[] = [];
  /** The buffer of the pongs that go ahead of data. */
  #pongs: MaskView | undefined;
  #pongsLength = 0;
  #pongsCount = 0;

  #piece: Uint8Array | undefined;
  #pieceSize = 0;
  #pieceBuffer: MaskView | undefined;
  #pieceDone: ((written: boolean) => void) | undefined;
  /** Whether the piece that was taken last ends with the end of a frame. */
  #atFrameEnd = true;

  /** How many bytes wait to be taken. */
  get size(): number {
    return this.buffered - this.#pieceSize;
  }

  /** Returns a buffer to fill, with at least `size` bytes left in it. Only at the end of a frame. */
  reserve(size: number): MaskView {
    const { buffer } = this;
    if (buffer !== undefined && buffer.bytes.length - this.length >= size) {
      return buffer;
    }
    return this.#grow(size, true);
  }

  /** Returns a large buffer to fill in the middle of a frame, with at least `size` bytes left in it. */
  spread(size: number): MaskView {
    const { buffer } = this;
    return buffer !== undefined && buffer.bytes.length === LARGE_BUFFER &&
        LARGE_BUFFER - this.length >= size
      ? buffer
      : this.#grow(LARGE_BUFFER - this.length, false);
  }

  /**
   * Queues a message that stays in its owner's memory, after the content of the buffer.
   *
   * @param endsFrame Whether the content of the buffer ends with the end of a frame.
   */
  append(borrowed: BorrowedMessage, endsFrame: boolean): void {
    this.#seal(endsFrame);
    this.buffered += borrowed.left;
    this.#queue.push({
      buffer: undefined,
      length: 0,
      endsFrame: true,
      borrowed,
    });
  }

  /** Queues a ping ahead of data, at the next end of a frame; or the response of the opening handshake. */
  ahead(bytes: Uint8Array): void {
    this.buffered += bytes.length;
    this.#ahead.push(bytes);
  }

  /**
   * Queues a pong ahead of data, at the next end of a frame. If too many wait, it replaces all of them.
   *
   * @returns Where to write it.
   */
  pong(size: number): { buffer: MaskView; start: number } {
    if (this.#pongsCount === MAX_PONGS) {
      this.buffered -= this.#pongsLength;
      this.#pongsLength = this.#pongsCount = 0;
    }
    const buffer = this.#pongs ??= takeBuffer(SMALL_BUFFER);
    const start = this.#pongsLength;
    this.buffered += size;
    this.#pongsLength += size;
    this.#pongsCount++;
    return { buffer, start };
  }

  /** Makes sure that the control frames that wait are sent before the frame that is queued next. */
  settleControls(): void {
    // They are the next piece.
    if (this.#atFrameEnd) return;
    for (const frame of this.#ahead) this.#copy(frame);
    this.#ahead = [];
    const pongs = this.#takePongs();
    if (pongs === undefined) return;
    this.#copy(pongs);
    this.#givePongs();
  }

  /**
   * Returns the next piece to write, the same one until `release`.
   *
   * @throws {ConnectionError} `buffer-changed` if the buffer of a borrowed message was detached.
   */
  take(): Uint8Array | undefined {
    if (this.#piece !== undefined) return this.#piece;
    if (this.size === 0) return undefined;
    const piece = (this.#atFrameEnd ? this.#takeControl() : undefined) ??
      this.#takeData();
    this.#piece = piece;
    this.#pieceSize = piece.length;
    return piece;
  }

  /**
   * The error of a piece whose buffer was detached since the piece was taken, so that anything may have been written.
   */
  get pieceError(): ConnectionError | undefined {
    return this.#piece === undefined || this.#piece.length === this.#pieceSize
      ? undefined
      : bufferChanged("while a part of it was being written");
  }

  /** Records that the piece has been written. */
  release(): void {
    const buffer = this.#pieceBuffer;
    const done = this.#pieceDone;
    this.buffered -= this.#pieceSize;
    this.#piece = undefined;
    this.#pieceSize = 0;
    this.#pieceBuffer = undefined;
    this.#pieceDone = undefined;
    if (buffer !== undefined) giveBuffer(buffer);
    if (done !== undefined) done(true);
  }

  /** Drops everything. The buffer of a piece that was taken is not reused, since a write of it may be under way. */
  clear(): void {
    const { buffer } = this;
    const queue = this.#queue;
    const done = this.#pieceDone;
    this.buffered = this.#pieceSize = 0;
    this.buffer = undefined;
    this.length = 0;
    this.#queue = [];
    this.#ahead = [];
    this.#pongsLength = this.#pongsCount = 0;
    this.#givePongs();
    this.#piece = undefined;
    this.#pieceBuffer = undefined;
    this.#pieceDone = undefined;
    if (buffer !== undefined) giveBuffer(buffer);
    if (done !== undefined) done(false);
    for (const pending of queue) {
      if (pending.buffer !== undefined) giveBuffer(pending.buffer);
      pending.borrowed?.done(false);
    }
  }

  /** Takes a first buffer, replaces a small one by a large one, or queues a full one and takes the next. */
  #grow(size: number, endsFrame: boolean): MaskView {
    const { buffer, length } = this;
    if (buffer === undefined || length === 0) {
      if (buffer !== undefined) giveBuffer(buffer);
      return this.buffer = takeBuffer(size);
    }
    const next = takeBuffer(LARGE_BUFFER);
    if (buffer.bytes.length < LARGE_BUFFER && length + size <= LARGE_BUFFER) {
      next.bytes.set(buffer.bytes.subarray(0, length));
      giveBuffer(buffer);
    } else {
      this.#seal(endsFrame);
    }
    return this.buffer = next;
  }

  /** Queues the buffer that is being filled. */
  #seal(endsFrame: boolean): void {
    const { buffer, length } = this;
    if (buffer === undefined) return;
    this.#queue.push({ buffer, length, endsFrame, borrowed: undefined });
    this.buffer = undefined;
    this.length = 0;
  }

  #takeControl(): Uint8Array | undefined {
    const frames = this.#ahead;
    const pongs = this.#takePongs();
    if (frames.length === 0) {
      this.#pieceBuffer = this.#pongs;
      this.#pongs = undefined;
      return pongs;
    }
    this.#ahead = [];
    if (pongs !== undefined) frames.push(pongs);
    const piece = concat(frames);
    this.#givePongs();
    return piece;
  }

  /** Returns all pongs that wait, in their buffer. */
  #takePongs(): Uint8Array | undefined {
    const length = this.#pongsLength;
    this.#pongsLength = this.#pongsCount = 0;
    return length === 0 ? undefined : this.#pongs?.bytes.subarray(0, length);
  }

  #givePongs(): void {
    if (this.#pongs !== undefined) giveBuffer(this.#pongs);
    this.#pongs = undefined;
  }

  /** Copies a control frame, or several, into the buffer that is being filled. */
  #copy(frames: Uint8Array): void {
    const { bytes } = this.reserve(frames.length);
    bytes.set(frames, this.length);
    this.length += frames.length;
  }

  #takeData(): Uint8Array {
    const pending = this.#queue[0];
    if (pending?.borrowed !== undefined) {
      return this.#takeBorrowed(pending.borrowed);
    }
    let { buffer, length } = this;
    if (pending === undefined) {
      this.buffer = undefined;
      this.length = 0;
      this.#atFrameEnd = true;
    } else {
      ({ buffer, length } = pending);
      this.#queue.shift();
      this.#atFrameEnd = pending.endsFrame;
    }
    this.#pieceBuffer = buffer;
    return buffer?.bytes.subarray(0, length) ?? new Uint8Array(0);
  }

  #takeBorrowed(borrowed: BorrowedMessage): Uint8Array {
    let piece = borrowed.direct?.();
    if (piece === undefined) {
      const buffer = takeBuffer(LARGE_BUFFER);
      this.#pieceBuffer = buffer;
      piece = buffer.bytes.subarray(0, borrowed.fill(buffer));
    }
    this.#atFrameEnd = borrowed.atFrameEnd;
    if (borrowed.left === 0) {
      this.#queue.shift();
      this.#pieceDone = borrowed.done;
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
