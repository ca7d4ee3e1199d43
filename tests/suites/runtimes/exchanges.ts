/** Messages in both directions over each kind of stream, and with the options of streams. */

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import process from "node:process";
import {
  type Dialer,
  dialNative,
  dialRaw,
  InboundPool,
  OutboundPool,
  upgradeNode,
} from "../../../mod.ts";
import {
  CA,
  CLIENT_CERT,
  CLIENT_KEY,
  OTHER_CA,
} from "../../../transport/_support/certificates.ts";
import { type Checks, Echo, HOST, start, TLS } from "./echo.ts";

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

export const exchangeChecks: Checks = {
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
    const { port, close } = await start(proxy);
    const through: Dialer = (url, options) =>
      dialRaw(url, {
        ...options,
        ...(url.startsWith("wss:") && { caCerts: [CA] }),
        proxy: `http://${HOST}:${port}`,
      });
    const plain = await Echo.on();
    await exchange(`ws://localhost:${plain.port}`, through);
    await plain.close();
    const secure = await Echo.on({ tls: TLS });
    await exchange(`wss://localhost:${secure.port}`, through);
    await secure.close();
    await close();
  },

  async "the upgrade event of node:http"() {
    const pool = new InboundPool("upgraded");
    const server = createServer((_, response) => response.end("hello"));
    server.on("upgrade", (request, socket, head) => {
      pool.add("peer", upgradeNode(request, socket, head));
    });
    const { port, close } = await start(server);
    void (async () => {
      for await (const { id, data } of pool.inbox) pool.trySend(id, data);
    })();
    await exchange(`ws://${HOST}:${port}`, dialRaw);
    await pool.close();
    await close();
  },
};
