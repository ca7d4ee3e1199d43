import type { Connection, Socket } from "../../../mod.ts";
import { within } from "./deadline.ts";
import type { Ours } from "./acceptor.ts";
import type { Peer, Report } from "./peer.ts";

/** How to open a connection between us and a peer. */
export interface OpenOptions {
  readonly compression?: boolean;
  /** Our messages go out in fragments of this many bytes. */
  readonly fragmentSize?: number;
  /** What the client offers. */
  readonly protocols?: readonly string[];
}

/** One connection between us and a peer, seen from both ends. */
export class Session {
  readonly #peer: Peer;
  readonly #socket: Socket;
  /** Our end. */
  readonly ours: Connection;

  constructor(
    { connection, socket }: Ours,
    readonly id: string,
    peer: Peer,
    /** What the peer said when the connection opened. */
    readonly opened: Report,
  ) {
    this.ours = connection;
    this.#socket = socket;
    this.#peer = peer;
  }

  /** The next report of the peer on this connection; waits for it. */
  report(kind: Report["kind"]): Promise<Report> {
    return this.#peer.report(kind, this.id);
  }

  /** The errors that the peer reported on this connection. */
  get errors(): string[] {
    return this.#peer.errors(this.id);
  }

  /** Tells the peer to do something on this connection. */
  command(command: Record<string, unknown>): Promise<void> {
    // `do` comes first: the peer recognises a command by it.
    const { do: action, ...rest } = command;
    return this.ours.send(JSON.stringify({ do: action, ...rest }));
  }

  /** Closes without a code. */
  closeWithoutCode(): ReturnType<Connection["close"]> {
    this.#socket.close();
    return this.end;
  }

  /** The next message; waits for it. */
  async take(): Promise<string | Uint8Array> {
    const message = await within(
      "A message of the peer",
      this.ours.incoming.take(),
    );
    if (message !== undefined) return message;
    const end = await this.ours.closed;
    throw new Error(
      `The connection ended: ${JSON.stringify(end)} ${end.error?.message}`,
    );
  }

  /** How our end ended; waits for it. */
  get end(): ReturnType<Connection["close"]> {
    return within("The end of the connection", this.ours.closed);
  }
}
