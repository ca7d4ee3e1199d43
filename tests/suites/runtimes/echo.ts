/** What the checks share: an echo, servers of `node:net` and `node:http`, and pauses. */

import assert from "node:assert/strict";
import type { Server } from "node:net";
import {
  InboundPool,
  listen,
  type Listener,
  type ListenOptions,
} from "../../../mod.ts";
import {
  SERVER_CERT,
  SERVER_KEY,
} from "../../../transport/_support/certificates.ts";

/** Checks by name. */
export type Checks = Readonly<Record<string, () => Promise<void>>>;

export const HOST = "127.0.0.1";
export const TLS = { cert: SERVER_CERT, key: SERVER_KEY };

/** An inbound pool that sends back what it receives. */
export class Echo {
  readonly pool = new InboundPool("echo", {
    connection: { pingInterval: 50 },
  });
  readonly listener: Listener;
  #count = 0;

  constructor(options: ListenOptions) {
    this.listener = listen(options);
    void this.#accept();
    void this.#answer();
  }

  static async on(options: ListenOptions = {}): Promise<Echo> {
    const echo = new Echo({ hostname: HOST, ...options });
    await echo.listener.ready;
    return echo;
  }

  get port(): number {
    return this.listener.port;
  }

  async close(): Promise<void> {
    await this.listener.close();
    await this.pool.close();
  }

  async #accept(): Promise<void> {
    try {
      for await (const incoming of this.listener) {
        this.pool.add(`peer-${this.#count++}`, incoming.accept());
      }
    } catch {
      // `ready` has rejected with the reason.
    }
  }

  async #answer(): Promise<void> {
    for await (const { id, data } of this.pool.inbox) {
      this.pool.trySend(id, data);
    }
  }
}

/** Starts a server on a free port, and returns the port and a function that closes the server. */
export async function start(
  server: Server,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const address = server.address();
  assert(address !== null && typeof address === "object");
  const close = () =>
    new Promise<void>((resolve) => server.close(() => resolve()));
  return { port: address.port, close };
}

/** Waits for a time in milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
