// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * A worker with its own admission: a peer has 3 seconds to send a token as its first message, or is closed with 4401.
 *
 * An echo server for peers that know the token: `deno run --allow-net examples/extend_admission.ts TOKEN [PORT]`
 *
 * @module
 */

import {
  Connection,
  forEachMessage,
  InboundPool,
  listen,
  type Message,
  PoolError,
} from "@honeybee/honeybee";
import {
  exitOf,
  type InboundPlugin,
  type InboundWorker,
} from "@honeybee/honeybee/inbound";
import {
  type DeliverySink,
  runReader,
  sleep,
} from "@honeybee/honeybee/transport";
import { interrupted } from "./interrupted.ts";

/** Delivers the messages of a peer once its first message was accepted. */
export class AdmissionWorker implements InboundWorker {
  #connection: Connection | undefined;
  #sink: DeliverySink | undefined;

  /** `accepts` must return `true` for the first message of a peer that may stay. */
  constructor(
    readonly accepts: (first: Message) => boolean | Promise<boolean>,
  ) {}

  /** Works until the connection has ended. */
  async start(plugin: InboundPlugin): Promise<void> {
    const connection = new Connection(plugin.socket, plugin.connectionOptions);
    this.#connection = connection;
    const admitted = await this.#ask(connection, plugin.clock);
    if (admitted) this.#sink = runReader({ ...plugin, connection });
    else void connection.close(4401, "No valid token");
    const exit = await exitOf(connection);
    plugin.onExit(admitted ? exit : { kind: "evicted-policy" });
  }

  /** Closes the connection. */
  stop(code: number, reason: string): void {
    this.#sink?.finish();
    void this.#connection?.close(code, reason);
  }

  /** Sends a message to a peer that was admitted. */
  async send(data: Message): Promise<void> {
    if (this.#connection === undefined || this.#sink === undefined) {
      throw new PoolError("connection-unavailable", "It is not admitted yet");
    }
    await this.#connection.send(data);
  }

  async #ask(
    connection: Connection,
    clock: InboundPlugin["clock"],
  ): Promise<boolean> {
    const answered = new AbortController();
    const late = sleep(clock, 3_000, answered.signal).then(() => undefined);
    try {
      const first = await Promise.race([connection.incoming.take(), late]);
      return first !== undefined && await this.accepts(first) === true;
    } catch {
      return false; // A check that fails admits nobody.
    } finally {
      answered.abort();
      late.catch(() => {});
    }
  }
}

if (import.meta.main) {
  const [token = "secret", port = "0"] = Deno.args;
  const signal = interrupted();
  const pool = new InboundPool("admitted", {
    signal,
    workerFactory: () => new AdmissionWorker((first) => first === token),
  });
  const listener = listen({
    hostname: "127.0.0.1",
    port: Number(port),
    signal,
  });
  console.log(`ws://127.0.0.1:${listener.port}`);
  const echoing = forEachMessage(pool, ({ data, reply }) => reply(data));
  await Promise.all([pool.serve(listener), echoing, pool.closed]);
}
