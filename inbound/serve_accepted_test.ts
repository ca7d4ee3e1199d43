import { assertEquals } from "@std/assert";
import { connect } from "node:net";
import { once } from "node:events";
import { eventually } from "../testing/mod.ts";
import { forEachMessage } from "../transport/pool/for_each.ts";
import { Connection } from "../transport/connection/connection.ts";
import { listen } from "../transport/server/listen.ts";
import { dialOnce, open } from "./_support/dial.ts";
import type { InboundPoolOptions } from "./options.ts";
import { InboundPool } from "./pool.ts";
import type { AcceptedPeer, ServeOptions } from "./serve.ts";

interface Served extends AsyncDisposable {
  readonly pool: InboundPool;
  readonly url: string;
  readonly port: number;
  readonly accepted: AcceptedPeer[];
}

async function serve(
  options: ServeOptions,
  poolOptions?: InboundPoolOptions,
): Promise<Served> {
  const pool = new InboundPool("pool", poolOptions);
  const listener = listen({ hostname: "127.0.0.1" });
  await listener.ready;
  const accepted: AcceptedPeer[] = [];
  const serving = pool.serve(listener, {
    onAccepted: (peer) => accepted.push(peer),
    ...options,
  });
  const { port } = listener;
  return {
    pool,
    url: `ws://127.0.0.1:${port}`,
    port,
    accepted,
    [Symbol.asyncDispose]: async () => {
      await pool.close();
      await listener.close();
      await serving;
    },
  };
}

Deno.test("onAccepted gets each peer that is in the pool, and what it sends goes out first", async () => {
  const peers: AcceptedPeer[] = [];
  await using served = await serve({
    id: ({ request }) => new URL(request.url).pathname,
    onAccepted: (peer) => {
      peers.push(peer);
      served.pool.trySend(peer.id, "welcome");
    },
  });
  const { pool, url } = served;
  const echoing = forEachMessage(pool, ({ data, reply }) => reply(data));
  await using client = new Connection(`${url}/alice`);
  await client.connect();
  client.trySend("hello");
  assertEquals(await client.incoming.take(), "welcome");
  assertEquals(await client.incoming.take(), "hello");
  assertEquals(peers.map(({ id, session }) => [id, session]), [["/alice", 1]]);
  assertEquals(peers[0]?.incoming.request.url.endsWith("/alice"), true);
  await pool.close();
  await echoing;
});

Deno.test("onAccepted is not called for a peer that is refused, or whose id is in use, or that does not fit", async () => {
  await using served = await serve({
    accept: ({ request }) =>
      request.url.endsWith("/refused")
        ? 401
        : { id: new URL(request.url).pathname },
  }, { maxPeers: 2 });
  const { url, accepted } = served;
  const a = open(await dialOnce(`${url}/a`));
  assertEquals(await dialOnce(`${url}/refused`), 401);
  assertEquals(await dialOnce(`${url}/a`), 409);
  const b = open(await dialOnce(`${url}/b`));
  assertEquals(await dialOnce(`${url}/c`), 503);
  assertEquals(accepted.map(({ id }) => id), ["/a", "/b"]);
  await a.close();
  await b.close();
});

Deno.test("onAccepted is not called for a peer that leaves while it is decided", async () => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let asked = 0;
  await using served = await serve({
    accept: () => {
      asked++;
      return promise;
    },
  });
  const { port, accepted, pool, url } = served;
  const socket = connect(port, "127.0.0.1");
  socket.write(
    "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  await eventually(() => assertEquals(asked, 1));
  socket.resetAndDestroy();
  await once(socket, "close");
  // The listener has noticed it when it has accepted the next one.
  const next = dialOnce(url);
  await eventually(() => assertEquals(asked, 2));
  resolve(true);
  const peer = open(await next);
  assertEquals(accepted.length, pool.stats().connections);
  await peer.close();
});

Deno.test("onAccepted is called again for a peer that replaces another one, with the next session", async () => {
  await using served = await serve({ id: () => "alice", replace: true });
  const { url, accepted, pool } = served;
  const first = open(await dialOnce(url));
  const second = open(await dialOnce(url));
  await first.closed;
  assertEquals(accepted.map(({ session }) => session), [1, 2]);
  assertEquals(pool.events.size, 0);
  await second.close();
  assertEquals((await pool.events.take())?.session, 2);
});

Deno.test("onAccepted is not called for a peer whose worker has ended at once", async () => {
  await using served = await serve({}, {
    workerFactory: () => ({
      start({ socket, onExit }) {
        onExit({ kind: "disconnected" });
        socket.terminate();
        return Promise.resolve();
      },
      stop() {},
      send: () => Promise.resolve(),
      trySend: () => true,
    }),
  });
  const { url, accepted, pool } = served;
  await dialOnce(url).catch(() => {});
  assertEquals((await pool.events.take())?.kind, "disconnected");
  assertEquals(accepted, []);
});

for (
  const [name, act] of [
    ["throws", () => {
      throw new Error("broken");
    }],
    ["rejects", () => Promise.reject(new Error("broken"))],
  ] as const
) {
  Deno.test(`The error of onAccepted that ${name} is reported with the id of the peer, which stays`, async () => {
    await using served = await serve({ id: () => "alice", onAccepted: act });
    const { pool, url } = served;
    const peer = open(await dialOnce(url));
    const record = await pool.errors.take();
    assertEquals([record?.id, record?.error.message], ["alice", "broken"]);
    assertEquals(pool.peers, ["alice"]);
    await peer.close();
  });
}
