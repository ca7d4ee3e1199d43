// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Swaps one block of an outbound worker: a forwarder that numbers the messages of each peer, so that
 * whoever passes them on can tell that none is missing.
 *
 * Sends lines to a server that echoes, and prints the numbered answers:
 * `deno run --allow-net examples/extend_block.ts ws://127.0.0.1:8080 LINE...`
 *
 * @module
 */

import {
  DefaultOutboundWorker,
  forwarder,
  type ForwarderOptions,
  type InboxMessage,
  OutboundPool,
} from "@honeybee/honeybee";

/** A message that carries its place among all that its peer has sent. */
export interface NumberedMessage extends InboxMessage {
  /** Counts the peer's messages, from 1. */
  readonly number: number;
}

/** Whether a message of an inbox has come through {@link numberingForwarder}. */
export function isNumbered(message: InboxMessage): message is NumberedMessage {
  return "number" in message;
}

/**
 * Makes a forwarder that numbers what it hands on; the numbers go on through all sessions in which
 * it is used.
 */
export function numberingForwarder(): (options: ForwarderOptions) => void {
  let number = 0;
  return ({ queue, output, counter }) =>
    forwarder({
      queue,
      counter,
      output: {
        push: (message) => {
          // A copy of the message, not of its data.
          const numbered: NumberedMessage = { ...message, number: ++number };
          return output.push(numbered);
        },
        onSpace: (callback) => output.onSpace(callback),
      },
    });
}

if (import.meta.main) {
  const [server = "ws://127.0.0.1:8080", ...lines] = Deno.args;
  await using pool = new OutboundPool("numbered", {
    workerFactory: () =>
      new DefaultOutboundWorker({ forwarder: numberingForwarder() }),
  });
  const url = pool.connect(server);
  await pool.whenConnected(url);
  for (const line of lines) await pool.send(url, line);
  for (let left = lines.length; left > 0; left--) {
    const message = await pool.inbox.take();
    if (message && isNumbered(message)) {
      console.log(message.number, message.data);
    }
  }
}
