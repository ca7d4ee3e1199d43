import type { ConnectionError } from "../base/errors.ts";
import { Queue } from "../base/queue.ts";
import type { SocketEnd } from "../socket/socket.ts";

/** How a connection ended. It is known once, and `errors` and `closed` report it after everything else. */
export class Outcome {
  #end: SocketEnd | undefined;
  #error: ConnectionError | undefined;
  // Both are created on demand: there may be many idle connections.
  #errors: Queue<ConnectionError> | undefined;
  #closed: Promise<SocketEnd> | undefined;
  #resolveClosed: ((end: SocketEnd) => void) | undefined;

  /** Whether the connection has ended. */
  get known(): boolean {
    return this.#end !== undefined;
  }

  /** The error that ended the connection, unless the user ended it or the peer closed cleanly. */
  get failure(): ConnectionError | undefined {
    return this.#error?.code === "peer-closed-clean" ? undefined : this.#error;
  }

  /** Contains at most one error, and ends with the connection. */
  get errors(): Queue<ConnectionError> {
    return this.#errors ??= new Queue({ capacity: 1 });
  }

  /** The number of errors that wait in `errors`. */
  get errorsDepth(): number {
    return this.#errors?.size ?? 0;
  }

  /** Resolves with how the connection ended. Never rejects. */
  get closed(): Promise<SocketEnd> {
    return this.#closed ??= this.#end === undefined
      ? new Promise((resolve) => this.#resolveClosed = resolve)
      : Promise.resolve(this.#end);
  }

  /**
   * Keeps how the connection ended.
   *
   * @param error Absent if the user ended it.
   */
  settle(end: SocketEnd, error: ConnectionError | undefined): void {
    this.#end = end;
    this.#error = error;
  }

  /** Reports the end to the readers of `errors` and `closed`. */
  report(): void {
    if (this.#error !== undefined) this.errors.push(this.#error);
    this.errors.close();
    if (this.#end !== undefined) this.#resolveClosed?.(this.#end);
  }
}
