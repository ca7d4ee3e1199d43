import { OutboundPool } from "../../../mod.ts";
import { until } from "../_support/deadline.ts";

const PEERS = 12;
const SEND_INTERVAL = 5;
const DIAL = {
  retry: { initialDelay: 20, maxDelay: 200 },
  pingInterval: 400,
};

/** Options of the dials of a {@linkcode Load}. */
export interface LoadDial {
  readonly proxy?: string | false;
  readonly caCerts?: readonly string[];
}

/** An outbound pool whose peers all echo messages, one after the other. */
export class Load implements AsyncDisposable {
  readonly #pool: OutboundPool;
  readonly #ids: string[];
  readonly #echoes = new Map<string, number>();
  readonly #reading: Promise<unknown>;
  readonly #timer: ReturnType<typeof setInterval>;
  #sent = 0;
  /** How often a connection was lost. */
  lost = 0;

  constructor(origin: string, dial: LoadDial) {
    this.#pool = new OutboundPool("load", {
      worker: { reconnectDelay: 50 },
      connection: { ...DIAL, ...dial },
    });
    this.#ids = Array.from(
      { length: PEERS },
      (_, i) => this.#pool.connect(`${origin}/load-${i}`),
    );
    this.#reading = Promise.all([
      this.#readInbox(),
      this.#readEvents(),
      this.#readErrors(),
    ]);
    this.#timer = setInterval(() => this.#send(), SEND_INTERVAL);
  }

  /** How many peers are connected. */
  get connected(): number {
    return this.#ids.filter((id) => this.#pool.isConnected(id)).length;
  }

  /** Resolves when every peer is connected and has echoed something sent after this call. */
  async flows(): Promise<void> {
    const first = this.#sent + 1;
    await until(
      "The echoes of all peers",
      () => this.#ids.every((id) => (this.#echoes.get(id) ?? 0) >= first),
    );
  }

  /** Resolves when no peer is connected. */
  async isLost(): Promise<void> {
    await until("The end of all connections", () => this.connected === 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#pool.close();
    await this.#reading;
  }

  #send(): void {
    const id = this.#ids[this.#sent % PEERS];
    this.#sent++;
    if (id === undefined || !this.#pool.isConnected(id)) return;
    try {
      this.#pool.trySend(id, `${this.#sent}`);
    } catch {
      // The connection ended in this moment.
    }
  }

  async #readInbox(): Promise<void> {
    for await (const { id, data } of this.#pool.inbox) {
      this.#echoes.set(id, Number(data));
    }
  }

  async #readEvents(): Promise<void> {
    for await (const { kind } of this.#pool.events) {
      if (kind === "disconnected") this.lost++;
    }
  }

  async #readErrors(): Promise<void> {
    for await (const _ of this.#pool.errors);
  }
}
