import { assert, assertEquals } from "@std/assert";
import { createServer } from "node:http";
// @ts-types="@types/ws"
import WebSocket from "ws";
import { listen } from "../transport/server/listen.ts";
import { refusal, upgrade } from "../transport/server/upgrade.ts";
import { upgradeNode } from "../transport/server/upgrade_node.ts";
import { InboundPool } from "../inbound/pool.ts";

/** Starts one of the three servers of a pool, and returns its URL and a function that closes it. */
type Opener = (
  pool: InboundPool,
) => Promise<{ url: string; close: () => Promise<void> }>;

let count = 0;
const nextId = () => `peer-${++count}`;

const SETUPS: Readonly<Record<string, Opener>> = {
  "Deno.serve": (pool) => {
    const server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      (request) => {
        try {
          const { socket, response } = upgrade(request);
          pool.add(nextId(), socket);
          return response;
        } catch (error) {
          return refusal(error);
        }
      },
    );
    return Promise.resolve({
      url: `ws://127.0.0.1:${server.addr.port}`,
      close: () => server.shutdown(),
    });
  },
  listen: (pool) => {
    const listener = listen({ hostname: "127.0.0.1", compression: true });
    const accepting = (async () => {
      for await (const incoming of listener) {
        pool.add(nextId(), incoming.accept());
      }
    })();
    const { addr } = listener;
    return Promise.resolve({
      url: addr.transport === "tcp" ? `ws://127.0.0.1:${addr.port}` : "",
      close: async () => {
        await listener.close();
        await accepting;
      },
    });
  },
  upgradeNode: async (pool) => {
    const server = createServer();
    server.on("upgrade", (request, socket, head) => {
      pool.add(nextId(), upgradeNode(request, socket, head));
    });
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", resolve)
    );
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error();
    return {
      url: `ws://127.0.0.1:${address.port}`,
      close: () => new Promise((resolve) => server.close(() => resolve())),
    };
  },
};

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on("open", resolve);
    socket.on("error", reject);
  });
}

function closedWith(
  socket: WebSocket,
): Promise<[code: number, reason: string]> {
  return new Promise((resolve) =>
    socket.on("close", (code, reason) => resolve([code, String(reason)]))
  );
}

for (const [setup, open] of Object.entries(SETUPS)) {
  Deno.test(`npm ws talks to a pool behind ${setup}, and hears 1001 when it closes`, async () => {
    const pool = new InboundPool("server");
    const { url, close } = await open(pool);
    const socket = new WebSocket(url);
    const answers: string[] = [];
    socket.on("message", (data) => answers.push(String(data)));
    await opened(socket);
    socket.send("first");
    socket.send(new Uint8Array([7, 8]));
    const first = await pool.inbox.take();
    const second = await pool.inbox.take();
    assertEquals(first?.data, "first");
    assertEquals(second?.data, new Uint8Array([7, 8]));
    assertEquals(first?.session, 1);
    assert(first !== undefined);
    await pool.send(first.id, "answer");
    const closed = closedWith(socket);
    await pool.close();
    assertEquals((await closed)[0], 1001);
    assertEquals(answers, ["answer"]);
    await close();
  });

  for (const code of [undefined, 1000, 1001, 1008, 4000]) {
    Deno.test(`A pool behind ${setup} reports npm ws closing with ${code}`, async () => {
      const pool = new InboundPool("server");
      const { url, close } = await open(pool);
      const socket = new WebSocket(url);
      await opened(socket);
      if (code === undefined) socket.close();
      else socket.close(code, "bye");
      const event = await pool.events.take();
      const clean = code === undefined || code <= 1001;
      assertEquals(event?.kind, clean ? "disconnected" : "dropped-close");
      if (!clean) {
        assertEquals([event?.closeCode, event?.reason], [code, "bye"]);
      }
      assertEquals(pool.peers, []);
      await pool.close();
      await close();
    });
  }

  Deno.test(`A pool behind ${setup} reports npm ws cutting the stream`, async () => {
    const pool = new InboundPool("server");
    const { url, close } = await open(pool);
    const socket = new WebSocket(url);
    await opened(socket);
    socket.send("last words");
    assertEquals((await pool.inbox.take())?.data, "last words");
    socket.terminate();
    const event = await pool.events.take();
    assertEquals(event?.kind, "dropped-close");
    assertEquals(event?.closeCode, 1006);
    await pool.close();
    await close();
  });
}
