import { setImmediate } from "node:timers";
import type { PullStream } from "../net/pull_stream.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { SOCKET_RULES } from "../base/rules.ts";
import { toError } from "../base/errors.ts";
import { flushSoon } from "../net/flush.ts";
import type { Message } from "../base/message.ts";
import type { HandshakeResponse } from "../handshake/client.ts";
import { handled } from "../base/promise.ts";
import type { Deflater, Inflater } from "../protocol/compression.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { Role } from "../protocol/frame.ts";
import { Receiver, type ReceiverHandler } from "../protocol/receiver.ts";
import { Sender } from "../protocol/sender.ts";
import { ReadBuffer } from "./read_buffer.ts";
import { Schedule, type Task } from "../base/schedule.ts";
import type {
  CloseFrame,
  Fragment,
  Socket,
  SocketActivity,
  SocketCloseOptions,
  SocketEnd,
  SocketOptions,
  SocketReader,
  SocketStartOptions,
} from "./socket.ts";
import type { PeerAddress } from "../net/address.ts";

/** Milliseconds the peer has to close its half of the stream after the closing handshake. */
const LINGER = 1_000;
/** Pings and pongs in one read that count as a flood. */
const MOST_CONTROLS = 16;
/** Milliseconds between the reads of a flood. */
const FLOOD_PAUSE = 5;
/** Milliseconds a closing handshake may take when nobody says otherwise. */
const CLOSE_TIMEOUT = 5_000;
/** Output that is not kept back any longer in the hope of more. */
const FLUSH_AT = 65_536;
/** Binary messages of this size and more are sent from the caller's memory, without a copy. */
const LEND_AT = 65_536;

/** Options of a {@link RawSocket}: what the opening handshake has agreed on. */
export interface RawSocketOptions extends Omit<SocketOptions, "compression"> {
  /** Ours: a client masks what it sends, a server does not (RFC 6455, section 5.1). */
  readonly role: Role;
  /** The URL that was dialled or requested. */
  readonly url: string;
  /** The subprotocol. @default "" */
  readonly protocol?: string | undefined;
  /** The extensions, as in the header. @default "" */
  readonly extensions?: string | undefined;
  /** The server's answer to the opening handshake, on a client. @default none */
  readonly response?: HandshakeResponse | undefined;
  /** Where the peer is. @default unknown */
  readonly remoteAddr?: PeerAddress | undefined;
  /** Bytes that came right behind the handshake. @default none */
  readonly early?: Uint8Array | undefined;
  /** Bytes that go out before anything else: a server's answer to the handshake. @default none */
  readonly preface?: Uint8Array | undefined;
  /** Compresses what is sent (RFC 7692). @default nothing is compressed */
  readonly deflater?: Deflater | undefined;
  /** Decompresses what arrives. @default compressed frames are refused */
  readonly inflater?: Inflater | undefined;
}

/**
 * RFC 6455 over any duplex stream of bytes, in either role, with everything that the
 * runtime's own socket hides: pings and pongs, backpressure both ways, limits, a real cut.
 *
 * Small messages are gathered and written together; see `flush.ts`.
 */
export class RawSocket implements Socket {
  /** Takes what the receiver hands on. A class, since there is one for each socket. */
  static readonly #Handler = class implements ReceiverHandler {
    readonly #socket: RawSocket;

    constructor(socket: RawSocket) {
      this.#socket = socket;
    }

    message(data: Message, size: number): boolean {
      return this.#socket.#onMessage(data, size);
    }

    ping(payload: Uint8Array): void {
      this.#socket.#onPing(payload);
    }

    pong(payload: Uint8Array): void {
      this.#socket.#onPong(payload);
    }

    close(code: number, reason: string): void {
      this.#socket.#onClose(code, reason);
    }
  };

  readonly url: string;
  readonly protocol: string;
  readonly extensions: string;
  readonly response: HandshakeResponse | undefined;
  readonly remoteAddr: PeerAddress | undefined;
  readonly controlFrames = true;
  readonly flowControl = true;

  readonly #stream: PullStream;
  readonly #clock: Clock;
  readonly #schedule: Schedule;
  readonly #role: Role;
  readonly #receiver: Receiver;
  readonly #sender: Sender;
  readonly #deflater: Deflater | undefined;
  readonly #inflater: Inflater | undefined;
  /** Made when somebody asks for it. */
  #closed: PromiseWithResolvers<SocketEnd> | undefined;
  readonly #buffer: ReadBuffer;
  readonly #borrows: boolean;

  #reader: SocketReader | undefined;
  /** What was read and not yet parsed: early bytes, or the rest when the reader said stop. */
  #rest: Uint8Array | undefined;
  /** When the bytes that are being parsed were read. */
  #readAt = 0;
  #reading = false;
  #parsing = false;
  #held = false;
  /** Messages that the consumer has borrowed and not given back. */
  #lent = 0;

  #dirty = false;
  #writing = false;
  /** Bytes that were taken from the sender and are being written. */
  #inFlight = 0;
  #preface: Uint8Array | undefined;

  #received: CloseFrame | undefined;
  #sent: CloseFrame | undefined;
  #initiator: "local" | "peer" | undefined;
  #error: Error | undefined;
  #deadline: Task | undefined;
  #lingers = false;
  /** The peer has ended its half of the stream. */
  #peerLeft = false;
  /** The read that is being parsed had messages in it. */
  #delivered = false;
  /** Pings and pongs that were in the read that was parsed last. */
  #controls = 0;
  /** Goes on reading after a piece of a flood. */
  #pause: Task | undefined;
  /** Its messages may still be answered: the last word is not said yet. */
  #answering = false;
  #end: SocketEnd | undefined;
  #closeTimeout = CLOSE_TIMEOUT;
  readonly #activity: { -readonly [K in keyof SocketActivity]: number };

  /** Takes over a stream on which the opening handshake is done. */
  constructor(stream: PullStream, options: RawSocketOptions) {
    this.#stream = stream;
    this.url = options.url;
    this.protocol = options.protocol ?? "";
    this.extensions = options.extensions ?? "";
    this.response = options.response;
    this.remoteAddr = options.remoteAddr;
    this.#role = options.role;
    this.#clock = options.clock ?? systemClock;
    this.#schedule = Schedule.of(this.#clock);
    const now = this.#clock.now();
    this.#activity = {
      receivedAt: now,
      receivedBytes: 0,
      wroteAt: now,
      writtenBytes: 0,
    };
    this.#deflater = options.deflater;
    this.#inflater = options.inflater;
    this.#rest = options.early?.length ? options.early : undefined;
    this.#borrows = options.binary === "borrow";
    this.#buffer = new ReadBuffer();
    this.#receiver = new Receiver(new RawSocket.#Handler(this), {
      role: options.role,
      maxMessageSize: options.maxMessageSize ??
        SOCKET_RULES.maxMessageSize.default,
      maxFrameSize: options.maxFrameSize ?? SOCKET_RULES.maxFrameSize.default,
      maxFragments: options.maxFragments ?? SOCKET_RULES.maxFragments.default,
      binary: options.binary === "borrow" ? "borrow" : "copy",
      ...(options.inflater && { inflater: options.inflater }),
    });
    this.#sender = new Sender({
      role: options.role,
      fragmentSize: options.fragmentSize ?? SOCKET_RULES.fragmentSize.default,
      ...(options.deflater && { deflater: options.deflater }),
    });
    this.#preface = options.preface;
    if (this.#preface !== undefined) this.flush();
  }

  get activity(): SocketActivity {
    return this.#activity;
  }

  get bufferedAmount(): number {
    return this.#sender.size + this.#inFlight;
  }

  get sentBytes(): number {
    return this.#sender.payloadBytes;
  }

  get closed(): Promise<SocketEnd> {
    this.#closed ??= Promise.withResolvers();
    if (this.#end !== undefined) this.#closed.resolve(this.#end);
    return this.#closed.promise;
  }

  start(reader: SocketReader, options: SocketStartOptions = {}): void {
    this.#reader = reader;
    this.#closeTimeout = options.closeTimeout ?? CLOSE_TIMEOUT;
    if (this.#end !== undefined) return reader.end(this.#end);
    this.#readAt = this.#clock.date();
    this.#read();
  }

  resume(): void {
    this.#held = false;
    this.#read();
  }

  giveBack(): void {
    if (this.#lent > 0 && --this.#lent === 0) this.#read();
  }

  write(data: Message, copy = false): Promise<void> | undefined {
    if (this.#ended || this.#sent !== undefined) return undefined;
    const lend = !copy && typeof data !== "string" &&
      data.length >= LEND_AT && this.#deflater === undefined;
    const lent = lend ? this.#lend(data) : undefined;
    if (lent === undefined) this.#sender.message(data);
    this.#wrote();
    return lent;
  }

  writeFragment({ type, payload, first, last }: Fragment): void {
    if (this.#ended || this.#sent !== undefined) return;
    this.#sender.fragment(type, payload, first, last);
    this.#wrote();
  }

  ping(payload: Uint8Array): void {
    if (this.#ended || this.#sent !== undefined) return;
    this.#sender.ping(payload);
    this.#wrote();
  }

  close(
    code?: number,
    reason = "",
    { timeout = this.#closeTimeout }: SocketCloseOptions = {},
  ): void {
    if (this.#ended || this.#sent !== undefined) return;
    this.#sayClose("local", code, reason);
    if (timeout > 0) {
      this.#deadline = this.#schedule.deadline(timeout, () => this.terminate());
    }
    this.#drop();
    this.#read();
  }

  terminate(error?: Error): void {
    this.#initiator ??= "local";
    this.#error ??= error;
    this.#finish();
  }

  /** Writes what waits, now. */
  flush(): void {
    this.#dirty = false;
    if (!this.#writing && !this.#ended) void this.#writeAll();
  }

  #lend(data: Uint8Array): Promise<void> {
    return handled(
      new Promise((resolve, reject) => {
        this.#sender.lend(data, () => {
          if (!this.#ended) resolve();
          else reject(this.#error ?? new Error("The socket has ended"));
        });
      }),
    );
  }

  #wrote(): void {
    if (this.#writing) return;
    if (this.#sender.size >= FLUSH_AT) return this.flush();
    if (this.#dirty) return;
    this.#dirty = true;
    flushSoon(this);
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    const sender = this.#sender;
    try {
      for (
        let piece = this.#takePiece();
        piece !== undefined;
        piece = this.#takePiece()
      ) {
        this.#inFlight = piece.length;
        while (this.#inFlight > 0) {
          const done = piece.length - this.#inFlight;
          const count = await this.#stream.write(
            done === 0 ? piece : piece.subarray(done),
          );
          if (this.#ended) break;
          this.#inFlight -= count;
          this.#activity.wroteAt = this.#clock.now();
          this.#activity.writtenBytes += count;
          if (this.#inFlight > 0) this.#reader?.drain();
        }
        sender.release();
        if (this.#ended) return;
        this.#reader?.drain();
      }
    } catch (error) {
      this.#fail(error);
      sender.release();
      return;
    }
    this.#writing = false;
    this.#closeWhenDone();
  }

  /** What to write next: the answer to the handshake goes before all frames. */
  #takePiece(): Uint8Array | undefined {
    const preface = this.#preface;
    if (preface === undefined) return this.#sender.take();
    this.#preface = undefined;
    return preface;
  }

  /** Parses what is there and reads on, unless the reader or a borrower holds that back. */
  #read(): void {
    if (this.#reading || this.#parsing || this.#held) return;
    // Who closes needs no reader to see the peer's answer.
    if (this.#reader === undefined && this.#sent === undefined) return;
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) this.#parse(rest);
    if (!this.#waits) void this.#readAll();
  }

  get #ended(): boolean {
    return this.#end !== undefined;
  }

  /** Whether reading has to wait, or has come to its end. */
  get #waits(): boolean {
    return this.#held || this.#lent > 0 ||
      this.#pause !== undefined || this.#peerLeft || this.#ended;
  }

  async #readAll(): Promise<void> {
    this.#reading = true;
    try {
      do {
        const target = this.#target();
        const buffer = target ?? this.#buffer.take();
        const count = await this.#stream.read(buffer);
        if (this.#ended) return;
        if (count === null) return this.#onEndOfStream();
        this.#readAt = this.#clock.date();
        this.#activity.receivedAt = this.#clock.now();
        this.#activity.receivedBytes += count;
        if (target !== undefined) this.#fill(count);
        else {
          this.#parse(buffer.subarray(0, count));
          const flood = this.#controls > MOST_CONTROLS;
          if (this.#buffer.used(count, this.#readAt, flood)) {
            // It keeps views of the memory that it was given last.
            this.#receiver.release();
          }
          if (flood) this.#pauseReading();
        }
      } while (!this.#waits);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#reading = false;
    }
  }

  /**
   * What floods is read in small pieces with pauses between them: a read that finds bytes waiting does not let
   * the runtime look at other connections, so that these would starve.
   */
  #pauseReading(): void {
    if (this.#ended) return;
    this.#pause = this.#schedule.after(FLOOD_PAUSE, () => {
      this.#pause = undefined;
      this.#read();
    });
  }

  /** Where a large message may be read to. */
  #target(): Uint8Array | undefined {
    try {
      return this.#receiver.target();
    } catch (error) {
      this.#violated(error);
    }
  }

  /** Parses bytes, and keeps the rest when the reader says stop. */
  #parse(bytes: Uint8Array): void {
    if (this.#receiver.state !== "open") return;
    if (bytes.length === 0) return this.#wasDetached();
    this.#parsing = true;
    this.#delivered = false;
    this.#controls = 0;
    const size = bytes.length;
    let count = size;
    try {
      count = this.#receiver.push(bytes);
    } catch (error) {
      this.#violated(error);
    }
    this.#parsing = false;
    if (this.#ended || this.#receiver.state !== "open") return;
    if (bytes.length === 0) return this.#wasDetached();
    if (count < size) this.#rest = bytes.subarray(count);
  }

  /** A consumer has given away the memory that it was lent, and with it what stood behind. */
  #wasDetached(): void {
    this.#fail(new Error("The buffer of a message that was lent was detached"));
  }

  /**
   * The peer sends no more. What we still have to say goes out, if the closing handshake is
   * done or has failed; else there is nobody to say it to.
   */
  #onEndOfStream(): void {
    this.#peerLeft = true;
    if (this.#answering || (this.#writing && this.#closing)) return;
    this.#finish();
  }

  #fill(count: number): void {
    try {
      this.#receiver.filled(count);
    } catch (error) {
      this.#violated(error);
    }
  }

  #onMessage(data: Message, size: number): boolean {
    if (this.#ended) return false;
    if (this.#sent !== undefined) return true;
    if (this.#borrows) this.#lent++;
    this.#delivered = true;
    // Set before the call, in which the reader may resume, close or cut the connection.
    this.#held = true;
    if (this.#reader?.message(data, size, this.#readAt) !== false) {
      this.#held = false;
    }
    return !this.#held && !this.#ended;
  }

  #onPing(payload: Uint8Array): void {
    this.#controls++;
    if (this.#ended || this.#sent !== undefined) return;
    this.#sender.pong(payload);
    this.#wrote();
    this.#reader?.ping(payload);
  }

  #onPong(payload: Uint8Array): void {
    this.#controls++;
    if (this.#ended || this.#sent !== undefined) return;
    this.#reader?.pong(payload, this.#readAt);
  }

  #onClose(code: number, reason: string): void {
    if (this.#ended) return;
    this.#received = { code, reason };
    this.#initiator ??= "peer";
    this.#drop();
    if (this.#sent === undefined) {
      this.#schedule.cancel(this.#deadline);
      if (this.#closeTimeout > 0) {
        this.#deadline = this.#schedule.deadline(
          this.#closeTimeout,
          () => this.terminate(),
        );
      }
    }
    this.#afterReader(() =>
      this.#sayLast("peer", code === 1005 ? undefined : code, reason)
    );
  }

  /** The peer broke the protocol: it is told so, and the connection fails (section 7.1.7). */
  #violated(thrown: unknown): void {
    if (this.#ended) return;
    const error = toError(thrown);
    this.#error ??= error;
    this.#drop();
    const code = error instanceof ProtocolError ? error.closeCode : 1011;
    this.#schedule.cancel(this.#deadline);
    this.#deadline = this.#schedule.deadline(LINGER, () => this.terminate());
    this.#afterReader(() => this.#sayLast("local", code, error.message));
  }

  /** Nobody waits for messages any more: what comes is read and dropped. */
  #drop(): void {
    // The consumer still has what was lent.
    if (this.#lent > 0) this.#buffer.forget();
    this.#lent = 0;
    this.#held = false;
  }

  /**
   * Lets who has just got messages answer them first: what came in the same read as a close or
   * a violation, but before it, is as good as any other message.
   */
  #afterReader(callback: () => void): void {
    if (!this.#delivered) return callback();
    this.#answering = true;
    setImmediate(() => {
      this.#answering = false;
      if (!this.#ended) callback();
    });
  }

  /** Our close frame, unless it is out already, and then the end. */
  #sayLast(
    initiator: "local" | "peer",
    code: number | undefined,
    reason: string,
  ): void {
    if (this.#sent === undefined) this.#sayClose(initiator, code, reason);
    this.#closeWhenDone();
  }

  #sayClose(
    initiator: "local" | "peer",
    code: number | undefined,
    reason: string,
  ): void {
    this.#initiator ??= initiator;
    this.#sent = { code: code ?? 1005, reason };
    this.#sender.close(code, reason);
    this.flush();
  }

  /**
   * When both sides have said close, or the peer has broken the protocol, and our last frame is
   * out: ends our half and waits a little for the end of the other, so that what the
   * peer still sends does not make its system throw our close frame away.
   */
  #closeWhenDone(): void {
    if (!this.#closing || this.#writing || this.#lingers || this.#ended) return;
    if (this.#peerLeft) return this.#finish();
    this.#lingers = true;
    this.#schedule.cancel(this.#deadline);
    this.#deadline = this.#schedule.deadline(LINGER, () => this.#finish());
    // The server closes the stream first (RFC 6455, section 7.1.1).
    if (this.#role === "server" || this.#received === undefined) {
      void this.#closeWrite();
    }
  }

  /** Whether all is said but what is still being written. */
  get #closing(): boolean {
    return this.#sent !== undefined &&
      (this.#received !== undefined || this.#error !== undefined);
  }

  async #closeWrite(): Promise<void> {
    try {
      await this.#stream.closeWrite?.();
    } catch {
      // The stream is gone, and the read tells so.
    }
  }

  /** The stream broke. */
  #fail(thrown: unknown): void {
    this.#error ??= toError(thrown);
    this.#finish();
  }

  #finish(): void {
    if (this.#ended) return;
    const received = this.#received;
    const clean = received !== undefined && this.#sent !== undefined;
    const end: SocketEnd = {
      code: received?.code ?? 1006,
      reason: received?.reason ?? "",
      clean,
      initiator: this.#initiator ?? "peer",
      received,
      sent: this.#sent,
      // What happens behind a complete handshake changes nothing.
      error: clean ? undefined : this.#error,
      inactive: false,
    };
    this.#end = end;
    this.#schedule.cancel(this.#deadline);
    this.#schedule.cancel(this.#pause);
    try {
      this.#stream.close();
    } catch {
      // Somebody else has closed it.
    }
    this.#sender.clear();
    this.#inFlight = 0;
    this.#rest = undefined;
    this.#deflater?.close();
    this.#inflater?.close();
    this.#reader?.end(end);
    this.#closed?.resolve(end);
  }
}
