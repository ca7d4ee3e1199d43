import { toError } from "../../base/errors.ts";
import { DONE } from "../../base/promise.ts";
import type { PeerAddress } from "../stream/address.ts";
import { addressOf, DenoStream } from "./deno_stream.ts";
import { isShortage } from "../stream/shortage.ts";
import type {
  AcceptedStream,
  StreamListener,
  StreamListenerOptions,
} from "../stream/stream_options.ts";

/** Milliseconds to wait after the system could not accept. */
const RETRY_AFTER = 100;
/** The number of unknown errors in a row after which the listener closes. */
const MAX_FAILURES = 50;

/** Accepts streams with `Deno.listen`: TCP and Unix sockets. */
export class DenoListener implements StreamListener {
  readonly addr: PeerAddress;
  readonly ready = DONE;
  readonly #listener: Deno.Listener;
  readonly #onError: StreamListenerOptions["onError"];
  #closed = false;
  #wake: (() => void) | undefined;
  /** The number of errors in a row. Only the first of them is reported. */
  #failures = 0;

  /**
   * Starts to listen.
   *
   * @throws What the runtime throws if it cannot listen.
   */
  constructor({ path, hostname, port, onError }: StreamListenerOptions) {
    this.#onError = onError;
    this.#listener = path === undefined
      ? Deno.listen({ hostname, port })
      : Deno.listen({ transport: "unix", path });
    this.addr = addressOf(this.#listener.addr) ??
      { transport: "unix", path: path ?? "" };
  }

  async accept(): Promise<AcceptedStream | undefined> {
    while (!this.#closed) {
      try {
        const conn = await this.#listener.accept();
        this.#failures = 0;
        const accepted = this.#prepare(conn);
        if (accepted !== undefined) return accepted;
      } catch (error) {
        if (!this.#closed && !concernsPeer(error)) await this.#recover(error);
      }
    }
    return undefined;
  }

  setTls(): void {
    throw new Error(
      "Cannot set a certificate: the listener does not speak TLS.",
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
    this.#wake?.();
    if (this.addr.transport === "unix") removeFile(this.addr.path);
  }

  #prepare(conn: Deno.Conn): AcceptedStream | undefined {
    try {
      if (!this.#closed) {
        // Without it, the second of two small messages waits for an acknowledgement.
        if ("setNoDelay" in conn) (conn as Deno.TcpConn).setNoDelay(true);
        return {
          stream: new DenoStream(conn),
          remoteAddr: addressOf(conn.remoteAddr),
        };
      }
    } catch {
      // The peer has gone already.
    }
    conn.close();
    return undefined;
  }

  /** @throws {Error} After too many errors in a row. */
  async #recover(thrown: unknown): Promise<void> {
    const error = toError(thrown);
    this.#failures++;
    if (!isShortage(error) && this.#failures > MAX_FAILURES) {
      this.close();
      throw error;
    }
    if (this.#failures === 1) this.#onError(error, undefined);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, RETRY_AFTER);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Removes the file of a Unix socket, as `node:net` does, so that another listener can use the path. */
function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It was removed already, or it has no place in the file system.
  }
}

/** Whether an error of `accept` is about the connection that was to be accepted, such as one that was reset before. */
function concernsPeer(error: unknown): boolean {
  const { errors } = Deno;
  return [
    errors.ConnectionReset,
    errors.ConnectionAborted,
    errors.NotConnected,
    errors.BrokenPipe,
    errors.Interrupted,
    errors.TimedOut,
    errors.WouldBlock,
  ].some((type) => error instanceof type);
}
