import { ConnectionError } from "../base/errors.ts";
import type { Message } from "../base/message.ts";
import type { WaitOptions } from "../base/options.ts";
import type { Queue } from "../base/queue.ts";
import { CLOSE_INTERNAL_ERROR, CLOSE_NORMAL } from "../protocol/wire/close.ts";

/** What the Web streams of a connection need of it. */
export interface StreamedConnection {
  readonly incoming: Queue<Message<ArrayBuffer>>;
  readonly closed: Promise<unknown>;
  send(data: Message, options: WaitOptions): Promise<void>;
  close(code: number, reason: string): Promise<unknown>;
}

/**
 * Returns the messages of a connection as a stream. The stream takes a message from `incoming` only when its reader
 * asks for one. It closes with the connection, or fails with the error that ended it. Cancelling it closes the
 * connection.
 *
 * @param endError Returns why the connection ended, if the end was not clean.
 */
export function readableOf(
  connection: StreamedConnection,
  endError: () => ConnectionError | undefined,
): ReadableStream<Message<ArrayBuffer>> {
  const cancelled = new AbortController();
  return new ReadableStream<Message<ArrayBuffer>>({
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
      await connection.close(CLOSE_NORMAL, "");
    },
  }, { highWaterMark: 0 });
}

/**
 * Returns a stream that sends each message as soon as the buffer of the connection is not full. It fails as soon as the
 * connection ends. Closing it closes the connection, and aborting it closes the connection with code 1011.
 *
 * @param endError Returns why the connection ended, if the end was not clean.
 */
export function writableOf(
  connection: StreamedConnection,
  endError: () => ConnectionError | undefined,
): WritableStream<Message> {
  return new WritableStream<Message>({
    start(controller) {
      void connection.closed.then(() =>
        controller.error(
          endError() ?? new ConnectionError(
            "connection-closed",
            "Cannot write: the connection is closed.",
          ),
        )
      );
    },
    // An abort waits for the write that is under way, which a peer that does not read would hold up.
    write: (message, { signal }) => connection.send(message, { signal }),
    async close() {
      await connection.close(CLOSE_NORMAL, "");
    },
    async abort() {
      await connection.close(CLOSE_INTERNAL_ERROR, "The writer gave up");
    },
  });
}
