import { Buffer } from "node:buffer";
import type { ByteStream, ByteStreamHandler } from "../stream/byte_stream.ts";
import { MAX_WRITE_SIZE } from "../stream/byte_stream.ts";

/** The bytes that both ends send: prime in length, so that an offset shows in every chunk. */
const PATTERN = Uint8Array.from(
  { length: 65_521 },
  (_, i) => i * 31 + (i >> 8),
);
/** How long a test waits for anything, in milliseconds. */
const PATIENCE = 20_000;

/** Returns `length` bytes of what an end sends from position `at` on. */
export function pattern(at: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length;) {
    const from = (at + i) % PATTERN.length;
    const part = PATTERN.subarray(from, from + length - i);
    bytes.set(part, i);
    i += part.length;
  }
  return bytes;
}

/** One end of a stream: sends the pattern, and checks what arrives against it. */
export class StreamEnd implements ByteStreamHandler {
  /** Whether what arrives is kept. */
  keeps = false;
  /** What it answers to the stream. */
  burstsAreDivided = true;
  /** Bytes that arrived. */
  received = 0;
  /** Bytes that were sent and taken by the system. */
  sent = 0;
  drains = 0;
  /** Calls other than those for data and drained writes, in order. */
  readonly calls: string[] = [];
  /** What arrived at the wrong place or time. */
  readonly wrong: string[] = [];
  /** Everything that arrived, if `keeps`. */
  readonly kept: Uint8Array[] = [];
  /** Called with the bytes that have arrived. */
  onData: (bytes: Uint8Array) => void = () => {};
  readonly stream: ByteStream;
  #isPaused = true;
  #isStopped = false;
  readonly #waiters = new Set<() => void>();

  /** Attaches to a stream, which stays paused. */
  constructor(stream: ByteStream) {
    this.stream = stream;
    stream.attach(this);
    StreamEnd.#all.add(this);
  }

  static readonly #all = new Set<StreamEnd>();

  /** What arrived at the wrong place or time at any end since the last {@link StreamEnd.stopAll}. */
  static violations(): string[] {
    return [...this.#all].flatMap(({ wrong }) => wrong);
  }

  /** Ends whatever still waits. */
  static stopAll(): void {
    for (const end of this.#all) {
      end.#isStopped = true;
      end.#wake();
    }
    this.#all.clear();
  }

  data(bytes: Uint8Array<ArrayBuffer>, borrowed: boolean): void {
    if (this.#isPaused) this.wrong.push(`data while paused: ${bytes.length}`);
    if (bytes.length === 0) this.wrong.push("data without a byte");
    this.#check(bytes);
    if (this.keeps) this.kept.push(borrowed ? bytes.slice() : bytes);
    this.#count(bytes);
    // Its memory is the handler's to change.
    if (borrowed || !this.keeps) bytes.fill(0);
  }

  dividesBursts(): boolean {
    return this.burstsAreDivided;
  }

  end(): void {
    if (this.#isPaused) this.wrong.push("end while paused");
    this.#note("end");
  }

  drain(): void {
    this.drains++;
    if (this.stream.writing) this.wrong.push("writing after drain");
    this.#wake();
  }

  writeError(): void {
    this.#note("writeError");
  }

  error(): void {
    this.#note("error");
  }

  pause(): void {
    this.#isPaused = true;
    this.stream.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.stream.resume();
  }

  /** Whether a call was made. */
  has(call: string): boolean {
    return this.calls.includes(call);
  }

  /**
   * Sends so many bytes of the pattern.
   *
   * @param size Returns the size of the next write. @default the maximum
   * @returns `false` when our side broke.
   */
  async send(
    count: number,
    size: () => number = () => MAX_WRITE_SIZE,
  ): Promise<boolean> {
    const stop = this.sent + count;
    while (this.sent < stop) {
      const bytes = pattern(this.sent, Math.min(size(), stop - this.sent));
      if (!await this.#write(bytes)) return false;
      this.sent += bytes.length;
    }
    return true;
  }

  async #write(bytes: Uint8Array): Promise<boolean> {
    const { drains } = this;
    if (this.stream.write(bytes)) {
      if (this.stream.writing) this.wrong.push("writing after it was done");
      return true;
    }
    await this.until(() =>
      this.drains > drains || this.has("writeError") || this.has("error") ||
      this.#isStopped
    );
    return this.drains > drains;
  }

  /** Sends until the system takes no more, so that a write is under way. */
  async fill(): Promise<void> {
    for (;;) {
      const piece = pattern(this.sent, MAX_WRITE_SIZE);
      const { drains } = this;
      const isDone = this.stream.write(piece);
      this.sent += piece.length;
      if (isDone) continue;
      const stop = performance.now() + 300;
      await this.until(() => this.drains > drains || performance.now() > stop);
      if (this.drains === drains) return;
    }
  }

  /** Waits until something is so, looked at after each call. */
  async until(isSo: () => boolean): Promise<void> {
    const stop = performance.now() + PATIENCE;
    while (!isSo()) {
      if (performance.now() > stop) {
        throw new Error(
          `nothing came of it: ${this.received} received, ${this.sent} sent, ${this.calls}`,
        );
      }
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          this.#waiters.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, 100);
        this.#waiters.add(wake);
      });
    }
  }

  #check(bytes: Uint8Array): void {
    const expected = pattern(this.received, bytes.length);
    if (Buffer.compare(bytes, expected) === 0) return;
    this.wrong.push(`other bytes at ${this.received}`);
  }

  #count(bytes: Uint8Array): void {
    this.received += bytes.length;
    this.onData(bytes);
    this.#wake();
  }

  #note(call: string): void {
    if (this.has(call) || this.has("error")) {
      this.wrong.push(`${call} after ${this.calls}`);
    }
    this.calls.push(call);
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }
}

/** A {@link StreamEnd} that offers memory of its own to read into. */
export class TargetEnd extends StreamEnd {
  /** How large the memory is. */
  size = 100_000;
  /** Bytes that were stored there. */
  filledBytes = 0;
  #target: Uint8Array | undefined;

  target(): Uint8Array | undefined {
    return this.#target ??= new Uint8Array(this.size);
  }

  filled(count: number): void {
    const bytes = this.#target?.slice(0, count) ?? new Uint8Array(0);
    this.filledBytes += count;
    this.#target = undefined;
    this.data(bytes, true);
  }
}
