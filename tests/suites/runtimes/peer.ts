// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * The library on whatever runtime runs this: raw sockets and both pools over each kind of stream, the
 * native client, and what is refused. Must end without a call of exit.
 *
 * @module
 */

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import process from "node:process";
import {
  ConfigError,
  Connection,
  type Dialer,
  dialNative,
  dialRaw,
  InboundPool,
  listen,
  type Listener,
  type ListenOptions,
  OutboundPool,
  upgrade,
  upgradeNode,
} from "../../../mod.ts";
import { handshakeChecks } from "./handshake.ts";
import { CloseEvent, ErrorEvent, WebSocket } from "../../../websocket/mod.ts";
import {
  CA,
  CLIENT_CERT,
  CLIENT_KEY,
  OTHER_CA,
  SERVER_CERT,
  SERVER_KEY,
} from "../../../transport/_support/certificates.ts";

const HOST = "127.0.0.1";
const CHECK_MS = 10_000;
const TLS = { cert: SERVER_CERT, key: SERVER_KEY };

/** An inbound pool that sends back what comes in. */
class Echo {
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
    const { addr } = this.listener;
    assert(addr.transport === "tcp" && addr.port > 0);
    return addr.port;
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

/** Sends texts and bytes, small and large, through an outbound pool, and awaits them. */
async function exchange(
  url: string,
  dialer: Dialer,
): Promise<void> {
  const pool = new OutboundPool("peers", { dialer });
  const id = pool.connect(url);
  await pool.whenConnected(id);
  const bytes = new Uint8Array(1 << 20).map((_, i) => i * 7);
  for (const data of ["hello", "grüße", "", new Uint8Array(9), bytes]) {
    await pool.send(id, data);
    const back = (await pool.inbox.take())?.data;
    if (typeof data === "string") assert.equal(back, data);
    else assert.deepEqual(new Uint8Array(back as Uint8Array), data);
  }
  assert.equal(pool.stats().receivedMessages, 5);
  await pool.close();
}

const checks: Record<string, () => Promise<void>> = {
  async "raw sockets and both pools"() {
    const echo = await Echo.on();
    await exchange(`ws://${HOST}:${echo.port}`, dialRaw);
    await echo.close();
  },

  async "the runtime's own WebSocket as the client"() {
    const echo = await Echo.on();
    await exchange(`ws://${HOST}:${echo.port}`, dialNative);
    await echo.close();
  },

  async "permessage-deflate"() {
    const compression = { level: 1 };
    const echo = await Echo.on({ compression });
    await exchange(
      `ws://${HOST}:${echo.port}`,
      (url, options) => dialRaw(url, { ...options, compression }),
    );
    await exchange(`ws://${HOST}:${echo.port}`, dialNative);
    await echo.close();
  },

  async "TLS with an authority of one's own"() {
    const echo = await Echo.on({ tls: TLS });
    const url = `wss://localhost:${echo.port}`;
    await exchange(
      url,
      (url, options) => dialRaw(url, { ...options, caCerts: [CA] }),
    );
    await assert.rejects(dialRaw(url), { code: "dial-failed" });
    await assert.rejects(dialRaw(url, { caCerts: [OTHER_CA] }), {
      code: "dial-failed",
    });
    await echo.close();
  },

  async "client certificates"() {
    const echo = await Echo.on({ tls: { ...TLS, caCerts: [CA] } });
    await exchange(
      `wss://localhost:${echo.port}`,
      (url, options) =>
        dialRaw(url, {
          ...options,
          caCerts: [CA],
          cert: CLIENT_CERT,
          key: CLIENT_KEY,
        }),
    );
    await assert.rejects(
      dialRaw(`wss://localhost:${echo.port}`, { caCerts: [CA] }),
    );
    await echo.close();
  },

  async "Unix sockets"() {
    const path = `/tmp/honeybee-${process.pid}.sock`;
    const echo = new Echo({ path });
    await echo.listener.ready;
    assert.deepEqual(echo.listener.addr, { transport: "unix", path });
    await exchange(
      "ws://localhost",
      (url, options) => dialRaw(url, { ...options, unix: path }),
    );
    await echo.close();
    rmSync(path, { force: true });
  },

  async "a proxy, plain and with TLS"() {
    const proxy = createTcpServer((client) => {
      client.once("data", (head) => {
        const port = /^CONNECT [^ ]+:(\d+) HTTP/.exec(head.toString())?.[1];
        const host = connect(Number(port), HOST, () => {
          client.write("HTTP/1.1 200 Connection established\r\n\r\n");
          client.pipe(host).pipe(client);
        });
        host.on("error", () => client.destroy());
        host.on("close", () => client.destroy());
        client.on("error", () => host.destroy());
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, HOST, resolve));
    const address = proxy.address();
    assert(address !== null && typeof address === "object");
    const through: Dialer = (url, options) =>
      dialRaw(url, {
        ...options,
        caCerts: [CA],
        proxy: `http://${HOST}:${address.port}`,
      });
    const plain = await Echo.on();
    await exchange(`ws://localhost:${plain.port}`, through);
    await plain.close();
    const secure = await Echo.on({ tls: TLS });
    await exchange(`wss://localhost:${secure.port}`, through);
    await secure.close();
    await new Promise((resolve) => proxy.close(resolve));
  },

  async "pings and their latency"() {
    const echo = await Echo.on();
    const connection = new Connection(`ws://${HOST}:${echo.port}`, {
      pingInterval: 20,
    });
    await connection.connect();
    while (connection.stats().latency === undefined) await pause(5);
    while (echo.pool.peerStats("peer-0").connection?.latency === undefined) {
      await pause(5);
    }
    await connection.close();
    await echo.close();
  },

  async "a peer that was lost and comes back"() {
    let echo = await Echo.on();
    const { port } = echo;
    const pool = new OutboundPool("peers", {
      worker: { reconnectDelay: 20 },
      connection: { retry: { initialDelay: 20, maxDelay: 50 } },
    });
    const id = pool.connect(`ws://${HOST}:${port}`);
    await pool.whenConnected(id);
    await echo.close();
    while ((await pool.events.take())?.kind !== "disconnected");
    echo = await Echo.on({ port });
    await pool.whenConnected(id);
    await pool.send(id, "again");
    assert.equal((await pool.inbox.take())?.data, "again");
    await pool.close();
    await echo.close();
  },

  async "what an outbound pool sends first, a dialer that hangs, and reconnect"() {
    const echo = await Echo.on();
    const pool = new OutboundPool("peers", {
      maxConcurrentDials: 1,
      connection: { handshakeTimeout: 300, retry: false },
      onConnected: (peer) => peer.send(`first ${peer.session}`),
    });
    pool.connect("ws://hung.example", { dialer: () => new Promise(() => {}) });
    const id = pool.connect(`ws://${HOST}:${echo.port}`, { id: "echo" });
    await pool.whenConnected(id);
    await pool.send(id, "second");
    assert.equal((await pool.inbox.take())?.data, "first 1");
    assert.equal((await pool.inbox.take())?.data, "second");
    pool.reconnect(id);
    assert.equal(pool.isConnected(id), false);
    await pool.whenConnected(id);
    assert.equal(pool.peerState(id).state, "connected");
    assert.equal((await pool.inbox.take())?.data, "first 2");
    await pool.close();
    await echo.close();
  },

  async "a peer that is removed"() {
    const echo = await Echo.on();
    for (const dialer of [dialRaw, dialNative]) {
      const connection = new Connection(`ws://${HOST}:${echo.port}`, {
        dialer,
      });
      await connection.connect();
      await connection.send("hello");
      assert.equal(await connection.incoming.take(), "hello");
      const [id = ""] = echo.pool.peers;
      await echo.pool.remove(id);
      const { code, initiator } = await connection.closed;
      assert.equal(initiator, "peer");
      assert.equal(code, 1000);
    }
    await echo.close();
  },

  async "the upgrade event of node:http"() {
    const pool = new InboundPool("upgraded");
    const server = createServer((_, response) => response.end("hello"));
    server.on("upgrade", (request, socket, head) => {
      pool.add("peer", upgradeNode(request, socket, head));
    });
    await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
    const address = server.address();
    assert(address !== null && typeof address === "object");
    void (async () => {
      for await (const { id, data } of pool.inbox) pool.trySend(id, data);
    })();
    await exchange(`ws://${HOST}:${address.port}`, dialRaw);
    await pool.close();
    await new Promise((resolve) => server.close(resolve));
  },

  async "the WebSocket class"() {
    const echo = await Echo.on();
    const socket = new WebSocket(`http://${HOST}:${echo.port}`);
    socket.binaryType = "arraybuffer";
    const log: unknown[] = [];
    const closed = new Promise<CloseEvent>((resolve) => {
      socket.onclose = resolve;
    });
    socket.onopen = () => {
      log.push(socket.readyState);
      socket.send("text");
      socket.send(new Blob(["blob"]));
      socket.send(Uint8Array.of(1, 2));
      log.push(socket.bufferedAmount);
    };
    socket.onmessage = async ({ data }) => {
      log.push(typeof data === "string" ? data : data.byteLength);
      // What a listener awaits ends before the next event.
      for (let i = 0; i < 3; i++) await Promise.resolve();
      log.push("done");
      if (log.length === 8) socket.close(3000, "enough");
    };
    const { code, reason, wasClean } = await closed;
    assert.deepEqual(
      log,
      [1, 10, "text", "done", 4, "done", 2, "done"],
    );
    assert.deepEqual([code, reason, wasClean], [3000, "enough", true]);
    await echo.close();
    const failed = new WebSocket(socket.url);
    const events: unknown[] = [];
    failed.onerror = (event: ErrorEvent) => {
      assert(event instanceof ErrorEvent && event.message.length > 0);
      events.push("error");
    };
    const end = await new Promise<CloseEvent>((resolve) => {
      failed.onclose = resolve;
    });
    assert(end instanceof CloseEvent);
    assert.deepEqual([...events, end.code], ["error", 1006]);
  },

  async "what is refused, and how"() {
    const nobody = `ws://${HOST}:1`;
    for (const dialer of [dialRaw, dialNative]) {
      await assert.rejects(dialer(nobody), { code: "dial-failed" });
      const reason = new Error("no more");
      const signal = AbortSignal.abort(reason);
      await assert.rejects(dialer(nobody, { signal }), reason);
    }
    const mute = createTcpServer(() => {});
    await new Promise<void>((resolve) => mute.listen(0, HOST, resolve));
    const address = mute.address();
    assert(address !== null && typeof address === "object");
    const url = `ws://${HOST}:${address.port}`;
    for (const dialer of [dialRaw, dialNative]) {
      await assert.rejects(dialer(url, { handshakeTimeout: 50 }), {
        code: "timeout",
      });
    }
    // As long as it listens, no other socket can have the port.
    const late = await (async () => {
      try {
        const listener = listen({ hostname: HOST, port: address.port });
        await listener.ready;
      } catch (error) {
        return error;
      }
    })();
    assert(late instanceof Error);
    await new Promise<void>((resolve) => {
      mute.close(() => resolve());
      // Bun's `close` waits for connections that nobody can reach.
      setTimeout(resolve, 200);
    });
  },

  async "upgrade is Deno.serve's"() {
    // On Deno it takes over the request.
    if ("Deno" in globalThis) return;
    await Promise.resolve();
    const request = new Request("http://localhost/", {
      headers: {
        host: "localhost",
        upgrade: "websocket",
        connection: "upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
    });
    assert.throws(() => upgrade(request), ConfigError);
  },
};

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

let failed = 0;
for (
  const [name, check] of Object.entries({ ...checks, ...handshakeChecks })
) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("took too long")), CHECK_MS);
  });
  try {
    await Promise.race([check(), late]);
    console.log(`${name} ... ok`);
  } catch (error) {
    failed++;
    console.log(`${name} ... FAILED`, error);
  }
  clearTimeout(timer);
}
process.exitCode = failed > 0 ? 1 : 0;
