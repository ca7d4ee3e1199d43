import { CA } from "../../../transport/_support/certificates.ts";
import { pause } from "./control.ts";
import { frame, Observer, PONG } from "./frames.ts";

/** Milliseconds by which a timer that came late is made up for. */
const LATE = 10;

/** Bounds what all attackers together write, so that it is the attack that weighs and not its mass. */
export class Pace {
  #next = 0;
  /** Bytes that were written. */
  bytes = 0;

  readonly #rate: number;

  /** @param rate Bytes a second. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  async take(bytes: number): Promise<void> {
    const now = performance.now();
    this.bytes += bytes;
    this.#next = Math.max(this.#next, now - LATE) + bytes / this.#rate * 1_000;
    if (this.#next > now + 2) await pause(this.#next - now);
  }
}

const CHUNK = 4_096;

/** An attacker's end of a TCP connection: writes what it wants, and watches what comes. */
export class Wire implements Disposable {
  readonly observer: Observer;
  /** Resolves when nothing more comes: `end` or `reset`. */
  readonly ended: Promise<string>;
  readonly #conn: Deno.Conn;
  readonly #pace: Pace;
  #watch = Promise.withResolvers<void>();
  #broken = false;
  #written = Promise.resolve();

  /** @param listens Whether it reads from the beginning; else when {@link Wire.listen} is called. */
  constructor(conn: Deno.Conn, pace: Pace, head: boolean, listens = true) {
    this.#conn = conn;
    this.#pace = pace;
    this.observer = new Observer(head);
    this.ended = this.#read();
    if (listens) this.listen();
  }

  /** Dials. */
  static async open(port: number, pace: Pace, listens = true): Promise<Wire> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    return new Wire(conn, pace, true, listens);
  }

  /** Dials, and speaks TLS. */
  static async secure(port: number, pace: Pace): Promise<Wire> {
    const conn = await Deno.connectTls({
      hostname: "127.0.0.1",
      port,
      caCerts: [CA],
    });
    return new Wire(conn, pace, true);
  }

  /** The other side has gone, as far as a writer can see. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Begins to read. */
  listen(): void {
    this.#watch.resolve();
  }

  /** Answers pings from now on, so that it is not taken for dead. */
  answerPings(): void {
    this.observer.onPing = (payload) =>
      void this.#all(frame({ opcode: PONG, payload }));
  }

  /** Writes at the common pace. Does nothing when the other side has gone. */
  async write(bytes: Uint8Array, chunk = CHUNK): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#broken; at += chunk) {
      const part = bytes.subarray(at, at + chunk);
      await this.#pace.take(part.length);
      await this.#all(part);
    }
  }

  /** Writes byte by byte, with a pause after each. */
  async drip(bytes: Uint8Array, gap: number): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#broken; at++) {
      await this.write(bytes.subarray(at, at + 1));
      await pause(gap);
    }
  }

  /** Ends its half. */
  async finish(): Promise<void> {
    await this.#conn.closeWrite().catch(() => {});
  }

  /** Waits for the head of the answer, or the end. */
  async answered(): Promise<number | undefined> {
    let over = false;
    void this.ended.then(() => over = true);
    while (!this.observer.headDone && !over) await pause(2);
    return this.observer.status;
  }

  /** Returns how it ended: `HTTP` with a status, `close` with a code, `cut`, or `open` if it has not ended in time. */
  async outcome(milliseconds: number): Promise<string> {
    const late = Promise.withResolvers<string>();
    const timer = setTimeout(() => late.resolve("open"), milliseconds);
    const how = await Promise.race([this.ended, late.promise]);
    clearTimeout(timer);
    const { status, closeCode } = this.observer;
    if (status !== undefined && status !== 101) return `HTTP ${status}`;
    if (closeCode !== undefined) return `close ${closeCode}`;
    return how === "open" ? "open" : "cut";
  }

  [Symbol.dispose](): void {
    this.#broken = true;
    this.#watch.resolve();
    try {
      this.#conn.close();
    } catch {
      // The read that broke has closed it.
    }
  }

  async #all(bytes: Uint8Array): Promise<void> {
    await (this.#written = this.#written.then(() => this.#put(bytes)));
  }

  async #put(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) {
        at += await this.#conn.write(bytes.subarray(at));
      }
    } catch {
      this.#broken = true;
    }
  }

  async #read(): Promise<string> {
    await this.#watch.promise;
    const buffer = new Uint8Array(16_384);
    try {
      for (;;) {
        const count = await this.#conn.read(buffer);
        if (count === null) return "end";
        this.observer.push(buffer.subarray(0, count));
      }
    } catch {
      return "reset";
    } finally {
      this.#broken = true;
    }
  }
}
