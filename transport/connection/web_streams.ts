import type { ConnectionError } from "../base/errors.ts";
import type { Message } from "../base/message.ts";
import type { Queue } from "../base/queue.ts";

/** What the Web streams of a connection need of it. */
export interface StreamedConnection {
  readonly incoming: Queue<Message>;
  readonly closed: Promise<unknown>;
  send(data: Message): Promise<void>;
  close(code: number, reason: string): Promise<unknown>;
}

/** The code for a stream that its user aborts (RFC 6455, section 7.4.1). */
const GIVEN_UP = 1011;

/**
 * The messages of a connection as a stream. It takes a message off `incoming` only when its reader asks for one.
 *
 * @param endError Why the connection ended, if the end was not clean.
 * It closes with the connection, or fails with the error that ended it. To cancel it closes the connection.
 */
export function readableOf(
  connection: StreamedConnection,
  endError: () => ConnectionError | undefined,
): ReadableStream<Message> {
  const cancelled = new AbortController();
  return new ReadableStream<Message>({
    async pull(controller) {
      const { signal } = cancelled;
      const message = await connection.incoming.take({ signal });
      if (message !== undefined) return controller.enqueue(message);
      await connection.closed;
      const error = endError();
      if (error !== undefined) throw error;
      controller.close();
    },
    async cancel() {
      cancelled.abort();
      await connection.close(1000, "");
    },
  }, { highWaterMark: 0 });
}

/**
 * Sends what is written to it, each message when the buffer of the connection is not full. To close it closes the
 * connection, to abort it closes the connection with 1011. It fails as soon as the connection ends.
 */
export function writableOf(
  connection: StreamedConnection,
  endError: () => ConnectionError | undefined,
): WritableStream<Message> {
  return new WritableStream<Message>({
    start(controller) {
      void connection.closed.then(() =>
        controller.error(
          endError() ??
            new TypeError("Cannot write: the connection is closed."),
        )
      );
    },
    write: (message) => connection.send(message),
    async close() {
      await connection.close(1000, "");
    },
    async abort() {
      await connection.close(GIVEN_UP, "The writer gave up");
    },
  });
}
