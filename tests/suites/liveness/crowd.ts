import type { Buffer } from "node:buffer";
import { createServer, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import {
  Connection,
  dialNative,
  dialRaw,
  InboundPool,
  listen,
  type Listener,
  type Message,
  OutboundPool,
  type Socket,
  upgrade,
  upgradeNode,
} from "../../../mod.ts";
import {
  CA,
  SERVER_CERT,
  SERVER_KEY,
} from "../../../transport/_support/certificates.ts";

const HOST = "127.0.0.1";
/** Milliseconds between two messages on one connection. */
const CHATTER = 100;
/** Peers in each pool. */
const POOLED = 10;

/** How the connections of a crowd judge their peers. */
export interface Manners {
  readonly pingInterval: number;
  readonly pingTimeout: number;
  readonly writeTimeout: number;
  /** `inactivityTimeout` of the inbound pool and `keepaliveTimeout` of the outbound one. */
  readonly silence: number;
}

/** Where a crowd listens. */
export interface Ports {
  readonly tcp: number;
  readonly tls: number;
  readonly node: number;
  readonly native: number;
  readonly pool: number;
}

/** What a crowd knows of one connection. */
export interface Standing {
  readonly connected: boolean;
  readonly received: number;
  /** Messages that were missing or came out of order. */
  readonly gaps: number;
  /** The error that ended it. */
  readonly error: string;
  /** When it ended, in milliseconds of the time of day. */
  readonly endedAt: number;
}

/** What a crowd knows. */
export interface Report {
  readonly standings: Readonly<Record<string, Standing>>;
  /** Peers of the inbound pool, and the kinds of its events. */
  readonly inbound: number;
  readonly inboundEvents: readonly string[];
  /** Connections that the outbound pool has made, beside the first one of each peer. */
  readonly replaced: number;
  readonly outboundConnected: number;
  /** Missing messages of both pools. */
  readonly poolGaps: number;
}

/** Counts what comes, which is numbered from 1. */
class Counted {
  received = 0;
  gaps = 0;

  take(message: Message): void {
    if (Number(message) !== ++this.received) {
      this.gaps++;
      this.received = Number(message);
    }
  }
}

/** Connections of every kind, on which both sides send numbered messages all the time. */
export class Crowd implements AsyncDisposable {
  readonly #manners: Manners;
  readonly #standings: Record<string, Standing & { counted: Counted }> = {};
  readonly #inbound: InboundPool;
  readonly #outbound: OutboundPool;
  readonly #inboundEvents: string[] = [];
  readonly #pooled = new Map<string, Counted>();
  readonly #closers: (() => Promise<unknown>)[] = [];
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  #pooledPeers = 0;
  /** The numbers of the last messages that went out of the pools. */
  readonly #numbers = new Map<string, number>();

  constructor(manners: Manners) {
    this.#manners = manners;
    const { silence, ...connection } = manners;
    this.#inbound = new InboundPool("in", {
      connection,
      worker: { inactivityTimeout: silence },
    });
    this.#outbound = new OutboundPool("out", {
      connection,
      worker: { keepaliveTimeout: silence, reconnectDelay: 100 },
    });
    this.#read(this.#inbound);
    this.#read(this.#outbound);
    const { events } = this.#inbound;
    void (async () => {
      for await (const { kind } of events) this.#inboundEvents.push(kind);
    })();
    this.#timers.push(setInterval(() => this.#chatter(), CHATTER));
  }

  /** Listens in every way. */
  async listen(): Promise<Ports> {
    const tcp = this.#accept("server over TCP", {});
    const tls = this.#accept("server over TLS", {
      tls: { cert: SERVER_CERT, key: SERVER_KEY },
    });
    const pool = listen({ hostname: HOST });
    void this.#inbound.serve(pool, { id: () => `peer ${this.#pooledPeers++}` });
    this.#closers.push(() => pool.close());
    await Promise.all([tcp.ready, tls.ready, pool.ready]);
    return {
      tcp: tcp.port,
      tls: tls.port,
      node: await this.#listenNode(),
      native: this.#listenNative(),
      pool: pool.port,
    };
  }

  /** Dials another crowd in every way. */
  async dial(ports: Ports): Promise<void> {
    const dial = async (name: string, url: string, native = false) => {
      const { silence: _, ...options } = this.#manners;
      const connection = new Connection(url, {
        ...options,
        ...(url.startsWith("wss:") && { caCerts: [CA] }),
        dialer: native
          ? (url, { signal }) => dialNative(url, { signal })
          : dialRaw,
      });
      await connection.connect();
      this.#add(name, connection);
    };
    await Promise.all([
      dial("client over TCP", `ws://${HOST}:${ports.tcp}`),
      dial("client over TLS", `wss://${HOST}:${ports.tls}`),
      dial("client of node:http", `ws://${HOST}:${ports.node}`),
      dial("native client", `ws://${HOST}:${ports.native}`, true),
      ...Array.from({ length: POOLED }, async (_, i) => {
        const url = `ws://${HOST}:${ports.pool}/${i}`;
        await this.#outbound.whenConnected(this.#outbound.connect(url));
      }),
    ]);
  }

  /** What is known now. */
  report(): Report {
    const standings = Object.fromEntries(
      Object.entries(this.#standings).map(([name, standing]) => {
        const { counted, ...rest } = standing;
        return [name, {
          ...rest,
          received: counted.received,
          gaps: counted.gaps,
        }];
      }),
    );
    const peers = this.#outbound.peers;
    const connections = peers.map((id) =>
      this.#outbound.peerStats(id).connections
    );
    return {
      standings,
      inbound: this.#inbound.peers.length,
      inboundEvents: this.#inboundEvents,
      replaced: connections.reduce((sum, made) => sum + made - 1, 0),
      outboundConnected:
        peers.filter((id) => this.#outbound.isConnected(id)).length,
      poolGaps: [...this.#pooled.values()].reduce(
        (sum, { gaps }) => sum + gaps,
        0,
      ),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all([this.#inbound.close(), this.#outbound.close()]);
    await Promise.all(this.#closers.map((close) => close()));
  }

  #accept(
    name: string,
    options: { tls?: { cert: string; key: string } },
  ): Listener {
    const listener = listen({ hostname: HOST, ...options });
    void (async () => {
      for await (const incoming of listener) {
        this.#add(name, this.#wrap(incoming.accept()));
      }
    })();
    this.#closers.push(() => listener.close());
    return listener;
  }

  async #listenNode(): Promise<number> {
    const server = createServer();
    server.on(
      "upgrade",
      (request: IncomingMessage, stream: Duplex, head: Buffer) =>
        this.#add(
          "server of node:http",
          this.#wrap(upgradeNode(request, stream, head)),
        ),
    );
    await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
    this.#closers.push(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    const address = server.address();
    return typeof address === "object" ? address?.port ?? 0 : 0;
  }

  #listenNative(): number {
    const server = Deno.serve(
      { hostname: HOST, port: 0, onListen() {} },
      (request) => {
        const { socket, response } = upgrade(request, {
          inactivityTimeout: 0,
        });
        this.#add("native server", this.#wrap(socket));
        return response;
      },
    );
    this.#closers.push(() => server.shutdown());
    return server.addr.port;
  }

  #wrap(socket: Socket): Connection {
    const { silence: _, ...options } = this.#manners;
    return new Connection(socket, options);
  }

  #add(name: string, connection: Connection): void {
    const counted = new Counted();
    const standing = {
      connected: true,
      received: 0,
      gaps: 0,
      error: "",
      endedAt: 0,
      counted,
    };
    this.#standings[name] = standing;
    let number = 0;
    const timer = setInterval(() => {
      if (connection.state !== "connected") clearInterval(timer);
      else if (connection.trySend(String(number + 1))) number++;
    }, CHATTER);
    this.#timers.push(timer);
    this.#closers.push(() => connection.close(1000, "", { timeout: 100 }));
    void (async () => {
      for await (const message of connection.incoming) counted.take(message);
    })();
    void connection.closed.then(async () => {
      standing.connected = false;
      standing.endedAt = Date.now();
      const error = await connection.errors.take();
      standing.error = error?.code ?? "none";
    });
  }

  #read(pool: InboundPool | OutboundPool): void {
    void (async () => {
      for await (const { id, data, session } of pool.inbox) {
        const key = `${id} ${session}`;
        const counted = this.#pooled.get(key) ?? new Counted();
        this.#pooled.set(key, counted);
        counted.take(data);
      }
    })();
  }

  /** Numbers begin again with each connection. */
  #chatter(): void {
    const say = (
      pool: InboundPool | OutboundPool,
      id: string,
      session: string,
    ) => {
      const key = `${id} ${session}`;
      const number = (this.#numbers.get(key) ?? 0) + 1;
      try {
        if (pool.trySend(id, String(number))) this.#numbers.set(key, number);
      } catch {
        // It is not connected at present.
      }
    };
    for (const id of this.#inbound.peers) say(this.#inbound, id, "");
    for (const id of this.#outbound.peers) {
      const { connections } = this.#outbound.peerStats(id);
      say(this.#outbound, id, String(connections));
    }
  }
}
