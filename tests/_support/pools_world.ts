import type { InboundEvent } from "../../inbound/plugin.ts";
import { InboundPool } from "../../inbound/pool.ts";
import type { ConnectedPeer } from "../../outbound/on_connected.ts";
import type { OutboundEvent } from "../../outbound/plugin.ts";
import { OutboundPool } from "../../outbound/pool.ts";
import type { ReconnectDecision } from "../../outbound/reconnect.ts";
import { FakeClock } from "../../testing/fake_clock.ts";
import { socketPair } from "../../testing/socket_pair.ts";
import { ConnectionError, PoolError } from "../../transport/base/errors.ts";
import { sleep } from "../../transport/base/schedule.ts";
import type { DialOptions } from "../../transport/client/dialer.ts";
import type { PoolEvent } from "../../transport/pool/events.ts";
import {
  forEachMessage,
  type HandledMessage,
  type MessagePool,
} from "../../transport/pool/for_each.ts";
import type { Socket } from "../../transport/socket/socket.ts";
import { Numbers, Report, Stays, Stop } from "./pools_model.ts";

const PEERS = 3;
/** Callbacks call the pools, which call callbacks again: no deeper than this. */
const MAX_DEPTH = 3;

/**
 * Both pools on one fake clock, joined by sockets in memory, with callbacks that misbehave and call the pools, and a
 * model of what has to come of all that.
 */
export class World {
  readonly random: () => number;
  readonly clock: FakeClock;
  readonly inbound: InboundPool;
  readonly outbound: OutboundPool;
  readonly inboxBufferSize: number;
  /** Whether old messages are dropped in favour of new ones. */
  readonly dropsOldest: boolean;
  readonly in = new Report<InboundEvent>();
  readonly out = new Report<OutboundEvent>();
  /** How often a peer was removed from the outbound pool, which gives no event. */
  readonly removals = new Map<string, number>();
  readonly numbers = new Numbers();
  /** What must not happen. */
  readonly faults: unknown[] = [];
  readonly stays = new Stays(this.faults);
  /** Promises that the pools gave and that have not settled. */
  readonly pending = new Set<Promise<unknown>>();
  /** Sockets that were opened and have not ended. */
  readonly open = new Set<Socket>();
  /** Whether the pools were closed. */
  closing = false;
  readonly #cuts = new Map<string, Socket>();
  readonly #stops: Stop[] = [];
  readonly #poolStop: Stop;
  #waitStop: Stop;
  #depth = 0;
  #reading = false;
  /** Whether `forEachMessage` reads the inboxes. */
  readonly #handles: boolean;

  constructor(random: () => number) {
    this.random = random;
    this.#handles = random() < 0.5;
    this.clock = new FakeClock({ seed: Math.floor(random() * 1e6) });
    this.inboxBufferSize = 1 + Math.floor(random() * 8);
    const maxQueueSize = this.#pick(0, 0, 0, 2);
    this.dropsOldest = maxQueueSize > 0;
    this.#poolStop = this.#makeStop();
    this.#waitStop = this.#makeStop();
    const options = {
      clock: this.clock,
      inboxBufferSize: this.inboxBufferSize,
      eventsBufferSize: this.#pick(1, 3, 1_024),
      errorsBufferSize: this.#pick(1, 1_024),
      signal: this.#poolStop.signal,
    };
    const connection = {
      incomingBufferSize: 2,
      highWaterMark: this.#pick(4, 1_024),
      pingInterval: this.#pick(0, 40),
      closeTimeout: this.#pick(30, 5_000),
    };
    this.inbound = new InboundPool("in", {
      ...options,
      connection,
      worker: { maxQueueSize, inactivityTimeout: this.#pick(0, 0, 200) },
      onEvent: (event) => {
        this.in.seen.push(event);
        this.stays.left(event);
        this.#misbehave();
      },
    });
    this.outbound = new OutboundPool("out", {
      ...options,
      connection: { ...connection, handshakeTimeout: 60 },
      dialer: (url, options) => this.#dial(url, options),
      maxConcurrentDials: this.#pick(1, 64),
      worker: {
        maxQueueSize,
        reconnectDelay: this.#pick(0, 10),
        maxReconnectDelay: 100,
        keepaliveTimeout: this.#pick(0, 150),
        messageTimeout: this.#pick(0, 0, 100),
      },
      shouldReconnect: () => this.#decide(),
      onConnected: (peer) => this.#connected(peer),
      onEvent: (event) => {
        this.out.seen.push(event);
        this.#misbehave();
      },
    });
    if (!this.#handles) return;
    this.#handle(this.inbound, this.in);
    this.#handle(this.outbound, this.out);
  }

  /** Listeners that are left on the signals of the caller. */
  get listeners(): number {
    return this.#stops.reduce((sum, { left }) => sum + left, 0);
  }

  /** Does something at random and lets time pass. */
  async step(): Promise<void> {
    for (let i = this.#below(4); i >= 0; i--) this.#act();
    if (!this.closing && !this.outbound.has(this.#url())) this.#connect();
    const dice = this.random();
    if (dice < 0.03) this.clock.block(this.#below(400));
    else if (dice < 0.06) this.clock.setDate(this.random() * 2e12);
    await this.clock.advance(this.#below(30));
  }

  /** Closes both pools. */
  close(): void {
    this.closing = true;
    // The events of those that have left already still come.
    for (const id of this.inbound.peers) this.stays.end(id, "closed");
    if (this.random() < 0.3) this.#poolStop.abort();
    this.#track(this.inbound.close());
    this.#track(this.outbound.close());
  }

  /** Reads up to `most` messages, and all events and errors. */
  read(most: number): void {
    // Reading makes space, which may call `onEvent`. There, a message that follows would come before this one.
    if (this.#reading || this.#handles) return;
    this.#reading = true;
    this.#readFrom(this.inbound, this.in, most);
    this.#readFrom(this.outbound, this.out, most);
    this.#reading = false;
  }

  /** Handles messages: each at once, later, or not without a fault. */
  #handle<E extends PoolEvent>(pool: MessagePool<E>, report: Report<E>): void {
    const concurrency = 1 + this.#below(4);
    const running = new Set<string>();
    const handle = async ({ id, reply: _, ...message }: HandledMessage) => {
      report.messages.push({ id, ...message });
      report.handled.push({ id, ...message });
      const isAlone = !running.has(id) && running.size < concurrency;
      if (!isAlone) this.faults.push(new Error(`Too many for ${id}`));
      running.add(id);
      if (this.random() < 0.5) await sleep(this.clock, this.#below(20));
      running.delete(id);
      this.#misbehave();
    };
    const onEvent = (event: E) => {
      report.events.push(event);
      report.handled.push(event);
      this.#misbehave();
    };
    this.#track(forEachMessage(pool, handle, { concurrency, onEvent }));
  }

  #readFrom<E>(
    pool: {
      readonly inbox: InboundPool["inbox"];
      readonly events: { shift(): E | undefined };
      readonly errors: InboundPool["errors"];
    },
    report: Report<E>,
    most: number,
  ): void {
    for (let i = 0; i < most; i++) {
      const message = pool.inbox.shift();
      if (message === undefined) break;
      report.messages.push(message);
    }
    for (let event = pool.events.shift(); event; event = pool.events.shift()) {
      report.events.push(event);
    }
    const { errors } = pool;
    for (let record = errors.shift(); record; record = errors.shift()) {
      if (!(record.error instanceof TypeError)) continue;
      this.faults.push(record.error);
    }
  }

  /** Calls something at random, which may call callbacks. */
  #act(): void {
    const url = this.#url();
    const dice = Math.floor(this.random() * 24);
    try {
      if (dice < 4) this.#sendSeveral("out", url);
      else if (dice < 8) this.#sendSeveral("in", url);
      else if (dice < 9) this.#send("out", url);
      else if (dice < 10) this.#send("in", url);
      else if (dice < 11) this.#cuts.get(url)?.terminate();
      else if (dice < 12) this.#cuts.get(url)?.close(4_000 + this.#below(3));
      else if (dice < 13) this.#removeInbound(url);
      else if (dice < 14) this.#removeOutbound(url);
      else if (dice < 15) {
        this.#removeOutbound(url);
        this.#connect(url);
      } else if (dice < 16) this.outbound.reconnect(url);
      else if (dice < 18) this.#wait(url);
      else if (dice < 19) {
        this.#waitStop.abort();
        this.#waitStop = this.#makeStop();
      } else if (dice < 20) this.#connect(url);
      else if (dice < 23) this.read(this.#below(10));
      else if (this.random() < 0.02) this.close();
    } catch (error) {
      this.#expect(error);
    }
  }

  /** In a callback: calls the pools, throws, or does nothing. */
  #misbehave(): void {
    if (this.#depth >= MAX_DEPTH) return;
    this.#depth++;
    const dice = this.random();
    if (dice < 0.2) this.#act();
    this.#depth--;
    if (dice > 0.95) throw new PoolError("worker-failed", "A callback threw.");
  }

  #decide(): ReconnectDecision | undefined {
    this.#misbehave();
    return this.#pick<ReconnectDecision | undefined>(
      undefined,
      undefined,
      "reconnect",
      "stop",
      5,
    );
  }

  #connected(peer: ConnectedPeer): unknown {
    if (this.random() < 0.5) {
      this.numbers.try(`out ${peer.id}`, (data) => peer.trySend(data));
    }
    this.#misbehave();
    const dice = this.random();
    if (dice < 0.7) return undefined;
    if (dice < 0.75) return new Promise(() => {});
    return new Promise((resolve) => {
      this.clock.timer(() => resolve(undefined), this.#below(80));
    });
  }

  /** Some dials fail, hang or are late; the others end in the inbound pool, under the URL of the peer. */
  #dial(url: string, { signal }: DialOptions): Promise<Socket> {
    this.#misbehave();
    const dice = this.random();
    if (dice < 0.1) throw new PoolError("worker-failed", "A dialer threw.");
    if (dice < 0.3) return Promise.reject(new Error("no"));
    if (dice < 0.35) return new Promise(() => {});
    if (dice < 0.7) return Promise.resolve(this.#openPair(url));
    return new Promise((resolve, reject) => {
      this.clock.timer(() => {
        if (signal?.aborted && dice < 0.85) reject(signal.reason);
        else resolve(this.#openPair(url));
      }, this.#below(80));
    });
  }

  #openPair(url: string): Socket {
    const limits = () => ({
      flowControl: this.random() < 0.8,
      controlFrames: this.random() < 0.8,
    });
    const { client, server } = socketPair({
      url,
      clock: this.clock,
      client: limits(),
      server: limits(),
    });
    for (
      const [socket, report] of [[client, this.out], [server, this.in]] as const
    ) {
      this.open.add(socket);
      void socket.closed.then(({ dropped }) => {
        this.open.delete(socket);
        report.unread += dropped;
      });
    }
    try {
      this.#admit(url, server);
    } catch (error) {
      server.terminate();
      this.#expect(error);
    }
    this.#cuts.set(url, this.random() < 0.5 ? client : server);
    return client;
  }

  #admit(id: string, server: Socket): void {
    const replaces = this.inbound.has(id);
    // Before the call, in which callbacks may run.
    if (replaces) this.stays.end(id, "removed");
    const stay = this.stays.begin(id);
    if (this.closing) stay.end = "closed";
    void server.closed.then(() => stay.cut = true);
    if (replaces) this.inbound.replace(id, server);
    else this.inbound.add(id, server);
  }

  #removeInbound(id: string): void {
    if (this.inbound.has(id)) this.stays.end(id, "removed");
    this.#track(this.inbound.remove(id));
  }

  #removeOutbound(id: string): void {
    if (this.outbound.has(id)) {
      this.removals.set(id, (this.removals.get(id) ?? 0) + 1);
    }
    this.#track(this.outbound.remove(id));
  }

  #connect(url = this.#url()): void {
    try {
      this.outbound.connect(url);
    } catch (error) {
      this.#expect(error);
    }
  }

  #wait(url: string): void {
    const { signal } = this.#waitStop;
    const wait = this.outbound.whenConnected(url, { signal });
    this.#track(wait);
    if (this.random() < 0.5) {
      this.#track(this.inbound.closed);
      this.#track(this.outbound.closed);
    }
  }

  #sendSeveral(name: "in" | "out", id: string): void {
    const pool = name === "in" ? this.inbound : this.outbound;
    for (let i = 0; i < 5; i++) {
      this.numbers.try(`${name} ${id}`, (data) => pool.trySend(id, data));
    }
  }

  #send(name: "in" | "out", id: string): void {
    const pool = name === "in" ? this.inbound : this.outbound;
    const options = this.#pick(
      {},
      { signal: this.#waitStop.signal },
      { timeout: 1 + this.#below(20) },
    );
    this.#track(
      this.numbers.take(
        `${name} ${id}`,
        (data) => pool.send(id, data, options),
      ),
    );
  }

  #track(promise: Promise<unknown>): void {
    this.pending.add(promise);
    promise.catch((error) => this.#expect(error))
      .finally(() => this.pending.delete(promise));
  }

  #expect(error: unknown): void {
    const fits = error instanceof PoolError ||
      error instanceof DOMException && error.name === "AbortError" ||
      error instanceof ConnectionError && error.code !== "invalid-state";
    if (!fits) this.faults.push(error);
  }

  #makeStop(): Stop {
    const stop = new Stop();
    this.#stops.push(stop);
    return stop;
  }

  #url(): string {
    return `ws://peer-${this.#below(PEERS)}.example`;
  }

  #below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  #pick<T>(...values: readonly T[]): T {
    const [value] = values.slice(this.#below(values.length));
    return value as T;
  }
}
