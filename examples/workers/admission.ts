import { Connection, type Message, PoolError } from "@honeybee/honeybee";
import {
  exitOf,
  type InboundPlugin,
  type InboundWorker,
} from "@honeybee/honeybee/inbound";
import { type DeliverySink, runReader } from "@honeybee/honeybee/transport";

/** Delivers the messages of a peer once its first message was accepted, which has to come within 3 seconds. */
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
    const admitted = await this.#admits(connection, plugin);
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

  async #admits(
    { incoming }: Connection,
    { clock }: InboundPlugin,
  ): Promise<boolean> {
    const late = new AbortController();
    const cancel = clock.timer(() => late.abort(), 3_000);
    try {
      const first = await incoming.take({ signal: late.signal });
      return first !== undefined && await this.accepts(first) === true;
    } catch {
      return false; // It sent nothing in time, or the check failed.
    } finally {
      cancel();
    }
  }
}
