import type { Clock } from "../transport/base/clock.ts";
import { ConnectionError } from "../transport/base/errors.ts";
import { type Message, messageSize } from "../transport/base/message.ts";
import { Schedule, type Task } from "../transport/base/schedule.ts";
import type {
  CloseFrame,
  Fragment,
  Socket,
  SocketCloseOptions,
  SocketEnd,
  SocketReader,
  SocketStartOptions,
} from "../transport/socket/socket.ts";
import type { PeerAddress } from "../transport/net/address.ts";
import { Arrivals } from "./arrivals.ts";
import { Fragments } from "./fragments.ts";
import { socketEnd } from "./socket_end.ts";

const CLOSE_TIMEOUT = 5_000;

/** What one end of a pair can do. */
export interface SocketPairEndOptions {
  /** Whether it can ping, and shows pings and pongs; it answers pings in any case. @default true */
  readonly controlFrames?: boolean;
  /** Whether its reader can hold the peer back. @default true */
  readonly flowControl?: boolean;
  /** Whether it has `writeFragment`. @default true */
  readonly streaming?: boolean;
  /** Where its peer is. @default undefined */
  readonly remoteAddr?: PeerAddress | undefined;
}

/** Options of a {@link MemorySocket}. */
export interface MemorySocketOptions extends SocketPairEndOptions {
  readonly url?: string;
  readonly protocol?: string;
  readonly extensions?: string;
}

/** What goes from one end to the other. */
type Frame =
  | { readonly kind: "message"; readonly data: Message; readonly size: number }
  | {
    readonly kind: "fragment";
    readonly fragment: Fragment;
    readonly size: number;
  }
  | { readonly kind: "ping" | "pong"; readonly payload: Uint8Array }
  | { readonly kind: "close"; readonly close: CloseFrame }
  | { readonly kind: "cut" };

/** One end of a `socketPair`. */
export class MemorySocket implements Socket {
  readonly url: string;
  readonly protocol: string;
  readonly extensions: string;
  readonly remoteAddr: PeerAddress | undefined;
  readonly controlFrames: boolean;
  readonly flowControl: boolean;
  readonly writeFragment?: (fragment: Fragment) => void;

  readonly #clock: Clock;
  readonly #schedule: Schedule;
  readonly #closed = Promise.withResolvers<SocketEnd>();
  readonly #arrivals: Arrivals<Frame>;
  readonly #gathered = new Fragments();
  #peer: MemorySocket | undefined;
  #reader: SocketReader | undefined;
  #delivers = false;
  #bufferedAmount = 0;
  #sentBytes = 0;
  #sent: CloseFrame | undefined;
  #deadline: Task | undefined;
  #end: SocketEnd | undefined;
  #closeTimeout = CLOSE_TIMEOUT;

  /** Makes an end; it needs the other one before it is used. */
  constructor(options: MemorySocketOptions, clock: Clock) {
    this.url = options.url ?? "ws://pair.test";
    this.protocol = options.protocol ?? "";
    this.extensions = options.extensions ?? "";
    this.remoteAddr = options.remoteAddr;
    this.controlFrames = options.controlFrames ?? true;
    this.flowControl = options.flowControl ?? true;
    this.#clock = clock;
    this.#schedule = Schedule.of(clock);
    this.#arrivals = new Arrivals((frame) => this.#arrived(frame));
    if (options.streaming ?? true) {
      this.writeFragment = (fragment) => this.#writeFragment(fragment);
    }
  }

  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  get closed(): Promise<SocketEnd> {
    return this.#closed.promise;
  }

  /** Tells it where the other end is. */
  connect(peer: MemorySocket): void {
    this.#peer = peer;
  }

  start(reader: SocketReader, options: SocketStartOptions = {}): void {
    this.#closeTimeout = options.closeTimeout ?? CLOSE_TIMEOUT;
    this.#reader = reader;
    if (this.#end !== undefined) return reader.end(this.#end);
    this.#arrivals.open();
    this.#deliverSoon();
  }

  resume(): void {
    this.#arrivals.resume();
    this.#arrivals.deliver();
  }

  write(data: Message): undefined {
    if (this.#silent) return;
    const size = messageSize(data);
    const own = typeof data === "string" ? data : data.slice();
    this.#wrote(size);
    this.#say({ kind: "message", data: own, size });
  }

  ping(payload: Uint8Array): void {
    if (!this.controlFrames) {
      throw new ConnectionError(
        "ping-unsupported",
        "Cannot ping as this end of the pair has no control frames",
      );
    }
    if (this.#silent) return;
    this.#say({ kind: "ping", payload: payload.slice() });
  }

  close(
    code?: number,
    reason = "",
    { timeout = this.#closeTimeout }: SocketCloseOptions = {},
  ): void {
    if (this.#silent) return;
    this.#sayClose({ code: code ?? 1005, reason });
    if (timeout > 0) {
      this.#deadline = this.#schedule.deadline(timeout, () => this.terminate());
    }
    // Whoever closes reads on, and drops what he reads, until the answer comes.
    this.#arrivals.open();
    this.resume();
  }

  terminate(error?: Error): void {
    if (this.#end !== undefined) return;
    this.#peer?.cut();
    this.#finish(socketEnd({ initiator: "local", sent: this.#sent, error }));
  }

  /** The other end has cut the connection: what was not read yet is lost. */
  cut(): void {
    if (this.#end !== undefined) return;
    this.#arrivals.clear();
    this.receive({ kind: "cut" });
  }

  /** The other end has sent something. */
  receive(frame: Frame): void {
    if (this.#end !== undefined) return;
    this.#arrivals.push(frame);
    this.#deliverSoon();
  }

  /** The other end has read some of what was written. */
  taken(bytes: number): void {
    if (this.#end !== undefined) return;
    this.#bufferedAmount -= bytes;
    if (bytes > 0) this.#reader?.drain();
  }

  /** Whether no data and no pings go out any more. */
  get #silent(): boolean {
    return this.#sent !== undefined || this.#end !== undefined;
  }

  #writeFragment(fragment: Fragment): void {
    if (this.#silent) return;
    const own = { ...fragment, payload: fragment.payload.slice() };
    this.#wrote(own.payload.length);
    this.#say({ kind: "fragment", fragment: own, size: own.payload.length });
  }

  #wrote(size: number): void {
    this.#sentBytes += size;
    this.#bufferedAmount += size;
  }

  #say(frame: Frame): void {
    this.#peer?.receive(frame);
  }

  #sayClose(close: CloseFrame): void {
    this.#sent = close;
    this.#say({ kind: "close", close });
  }

  #deliverSoon(): void {
    if (this.#delivers) return;
    this.#delivers = true;
    queueMicrotask(() => {
      this.#delivers = false;
      this.#arrivals.deliver();
    });
  }

  /** @returns Whether the next one may be handed over too. */
  #arrived(frame: Frame): boolean {
    switch (frame.kind) {
      case "message":
        return this.#message(frame.data, frame.size, frame.size);
      case "fragment": {
        const whole = this.#gathered.add(frame.fragment);
        if (whole !== undefined) {
          return this.#message(whole, messageSize(whole), frame.size);
        }
        this.#peer?.taken(frame.size);
        return true;
      }
      case "ping":
        this.#ping(frame.payload);
        return true;
      case "pong":
        if (this.controlFrames && this.#sent === undefined) {
          this.#reader?.pong(frame.payload, this.#clock.date());
        }
        return true;
      case "close":
        this.#close(frame.close);
        return true;
      case "cut":
        this.#finish(
          socketEnd({
            initiator: this.#sent === undefined ? "peer" : "local",
            sent: this.#sent,
          }),
        );
        return true;
    }
  }

  #message(data: Message, size: number, taken: number): boolean {
    const more = this.#sent !== undefined ||
      this.#reader?.message(data, size, this.#clock.date()) !== false;
    this.#peer?.taken(taken);
    return more || !this.flowControl;
  }

  #ping(payload: Uint8Array): void {
    if (this.#sent !== undefined) return;
    this.#say({ kind: "pong", payload });
    if (this.controlFrames) this.#reader?.ping(payload);
  }

  #close(received: CloseFrame): void {
    const initiator = this.#sent === undefined ? "peer" : "local";
    if (this.#sent === undefined) this.#sayClose(received);
    this.#finish(
      socketEnd({
        ...received,
        clean: true,
        initiator,
        received,
        sent: this.#sent,
      }),
    );
  }

  #finish(end: SocketEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#schedule.cancel(this.#deadline);
    this.#arrivals.clear();
    this.#bufferedAmount = 0;
    this.#reader?.end(end);
    this.#closed.resolve(end);
  }
}
