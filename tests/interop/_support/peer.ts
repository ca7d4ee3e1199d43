import { within } from "./deadline.ts";
import type { AcceptorName } from "./acceptor.ts";

/** How a peer opens a connection, or serves. */
export interface PeerOptions {
  readonly compression: boolean;
  /** The protocols to offer; those to choose from on a server. */
  readonly protocols: readonly string[];
  /** Of our own servers as a peer: which one. */
  readonly acceptor?: AcceptorName;
  /** Of our own servers as a peer: the port, if it is not any that is free. */
  readonly port?: number;
  /** Of our own servers as a peer: the certificate and its key, PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** A command to a peer. */
export interface Command {
  readonly do: "connect" | "listen";
  readonly id: string;
  readonly url?: string;
  readonly options: PeerOptions;
}

/** What a peer reports of one of its connections, or of itself. */
export interface Report {
  readonly kind: "ready" | "listening" | "open" | "pong" | "close" | "error";
  readonly id?: string;
  readonly version?: string;
  readonly port?: number;
  readonly protocol?: string;
  readonly extensions?: string;
  readonly payload?: string;
  readonly code?: number | null;
  readonly reason?: string;
  readonly clean?: boolean;
  readonly message?: string;
}

/** The way to a program or a page that is a peer. */
export interface Channel extends AsyncDisposable {
  readonly reports: AsyncIterable<Report>;
  send(command: Command): Promise<void>;
  /** Ends the peer at once, with everything that it has open. */
  kill(): void;
  /** What the peer said besides its reports, for the message of a failure. */
  readonly stderr: string;
}

/** A WebSocket implementation that is not ours, in a process of its own. */
export class Peer implements AsyncDisposable {
  readonly #channel: Channel;
  readonly #reports: Report[] = [];
  readonly #reading: Promise<void>;
  #arrival = Promise.withResolvers<void>();
  #count = 0;
  #version = "";

  private constructor(channel: Channel) {
    this.#channel = channel;
    this.#reading = this.#read();
  }

  /** Resolves when the peer is ready. */
  static async start(channel: Channel): Promise<Peer> {
    const peer = new Peer(channel);
    try {
      const { version = "" } = await peer.report("ready", undefined, 60_000);
      peer.#version = version;
      return peer;
    } catch (error) {
      await peer[Symbol.asyncDispose]();
      throw new Error(`The peer did not start: ${channel.stderr}`, {
        cause: error,
      });
    }
  }

  /** The name and the version of the implementation. */
  get version(): string {
    return this.#version;
  }

  /** An id that no connection of this peer has. */
  nextId(): string {
    return `c${this.#count++}`;
  }

  /** Serves, and returns the port. */
  async listen(options: PeerOptions): Promise<number> {
    const id = this.nextId();
    await this.#channel.send({ do: "listen", id, options });
    const { port = 0 } = await this.report("listening", id);
    return port;
  }

  /** Opens a connection; its report `open` follows when it is open. */
  async connect(
    id: string,
    url: string,
    options: PeerOptions,
  ): Promise<void> {
    await this.#channel.send({ do: "connect", id, url, options });
  }

  /** The first report of this kind that was not returned before; waits for it. */
  report(
    kind: Report["kind"],
    id: string | undefined,
    milliseconds?: number,
  ): Promise<Report> {
    const what = `The report "${kind}" of the peer`;
    return within(what, this.#find(kind, id), milliseconds);
  }

  /** The errors that the peer reported of a connection. */
  errors(id: string): string[] {
    return this.#reports.filter((report) =>
      report.id === id && report.kind === "error"
    ).map((report) => report.message ?? "");
  }

  /** Ends the peer as a crash would. */
  kill(): void {
    this.#channel.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#channel[Symbol.asyncDispose]();
    await this.#reading;
  }

  async #find(
    kind: Report["kind"],
    id: string | undefined,
  ): Promise<Report> {
    for (;;) {
      const index = this.#reports.findIndex((report) =>
        report.kind === kind && report.id === id
      );
      const [report] = index < 0 ? [] : this.#reports.splice(index, 1);
      if (report !== undefined) return report;
      const [error] = id === undefined ? [] : this.errors(id);
      if (kind === "open" && error !== undefined) {
        throw new Error(`The peer did not open the connection: ${error}`);
      }
      await this.#arrival.promise;
    }
  }

  async #read(): Promise<void> {
    for await (const report of this.#channel.reports) {
      this.#reports.push(report);
      this.#arrival.resolve();
      this.#arrival = Promise.withResolvers();
    }
  }
}
