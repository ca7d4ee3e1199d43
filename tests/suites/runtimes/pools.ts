/** What both pools do on their own: pings, dialling again, the first message, removal. */

import assert from "node:assert/strict";
import { Connection, dialNative, dialRaw, OutboundPool } from "../../../mod.ts";
import { type Checks, Echo, HOST, pause } from "./echo.ts";

export const poolChecks: Checks = {
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
};
