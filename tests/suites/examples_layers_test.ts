/**
 * Runs the examples that put a layer on connections and pools: `deno task suite examples`.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  Connection,
  HandshakeError,
  InboundPool,
  listen,
} from "@honeybee/honeybee";
import { ROOT, Running } from "./_support/running.ts";

const NET = ["--allow-net"];
const WS = /ws:\/\/127\.0\.0\.1:\d+\S*/;

Deno.test("Each example has at most 60 lines, and so has each of its modules", async () => {
  const folder = new URL("../../examples/", import.meta.url);
  for (const path of ["", "workers/", "nostr/"]) {
    for await (const { name, isFile } of Deno.readDir(new URL(path, folder))) {
      if (!isFile) continue;
      const text = await Deno.readTextFile(new URL(path + name, folder));
      const lines = text.split("\n").length - 1;
      assert(lines <= 60, `${path}${name} has ${lines} lines`);
    }
  }
});

Deno.test("chat: every peer receives all messages", async () => {
  await using server = new Running(NET, "chat", []);
  const base = await server.says(/http:\/\/127\.0\.0\.1:\d+/);
  const url = `${base.replace("http", "ws")}/chat`;
  await using one = new Connection(url, { protocols: "chat" });
  await using other = new Connection(url, { protocols: "chat" });
  await one.connect();
  await other.connect();
  await one.send("hello");
  assertEquals(await other.incoming.take(), "hello");
  assertEquals(await one.incoming.take(), "hello");
  const stats = await (await fetch(`${base}/stats`)).json();
  assertEquals(stats.peerCount, 2);
  await server.interrupt();
});

Deno.test("feeds: subscribes on each connection, and again after a loss", async () => {
  await using listener = listen({ hostname: "127.0.0.1" });
  await using server = new InboundPool("feed");
  let count = 0;
  void server.serve(listener, { id: () => `client-${++count}` });
  const url = `ws://127.0.0.1:${listener.port}`;
  await using client = new Running(NET, "feeds", [url]);
  const subscription = '{"subscribe":"trades"}';
  assertEquals((await server.inbox.take())?.data, subscription);
  server.trySend("client-1", "trade 1");
  await client.says(/trade 1/);
  await server.remove("client-1");
  assertEquals((await server.inbox.take())?.data, subscription);
  server.trySend("client-2", "trade 2");
  await client.says(/trade 2/);
  await client.interrupt();
});

Deno.test("signed_url: accepts peers with a valid URL, and refuses others with 403", async () => {
  await using server = new Running(NET, "signed_url", []);
  const url = await server.says(WS);
  await using connection = new Connection(url, { retry: false });
  await connection.connect();
  await connection.send("hello");
  assertEquals(await connection.incoming.take(), "alice: hello");
  const forged = [
    url.replace("alice", "mallory"),
    url.replace(/expires=\d/, "expires=9"),
    url.replace(/signature=.*/, "signature=00"),
    url.replace(/\?.*/, ""),
  ];
  for (const wrong of forged) {
    const refused = new Connection(wrong, { retry: false });
    const error = await assertRejects(() => refused.connect());
    assertEquals(statusOf(error), 403, wrong);
  }
  await server.interrupt();
});

Deno.test("codec: adds up numbers, and answers text that is not JSON with a close code 4000", async () => {
  await using server = new Running(NET, "codec", []);
  const url = await server.says(WS);
  await using connection = new Connection(url, { retry: false });
  await connection.connect();
  await connection.send('{"add":2}');
  await connection.send('{"add":3}');
  assertEquals(await connection.incoming.take(), '{"sum":2}');
  assertEquals(await connection.incoming.take(), '{"sum":5}');
  await connection.send("not JSON");
  assertEquals((await connection.closed).code, 4_000);
  await server.interrupt();
});

Deno.test("outbox: messages sent while the peer is absent arrive when it is connected", async () => {
  const probe = listen({ hostname: "127.0.0.1" });
  const { port } = probe;
  await probe.close();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      ...NET,
      "examples/outbox.ts",
      `ws://127.0.0.1:${port}`,
    ],
    cwd: ROOT,
    stdin: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("one\ntwo\nthree\n"));
  await writer.close();
  await new Promise((resolve) => setTimeout(resolve, 500));
  await using listener = listen({ hostname: "127.0.0.1", port });
  await using server = new InboundPool("peer");
  void server.serve(listener);
  const received = [];
  while (received.length < 3) received.push((await server.inbox.take())?.data);
  assertEquals(received, ["one", "two", "three"]);
  assertEquals((await child.status).code, 0);
});

Deno.test("gateway: carries messages, the subprotocol and close codes over", async () => {
  await using listener = listen({
    hostname: "127.0.0.1",
    protocols: ["chat"],
  });
  await using upstream = new InboundPool("upstream");
  void upstream.serve(listener, { id: () => "gateway" });
  const { port } = listener;
  await using gateway = new Running(NET, "gateway", [`ws://127.0.0.1:${port}`]);
  const url = await gateway.says(WS);
  await using peer = new Connection(url, { retry: false, protocols: "chat" });
  await peer.connect();
  assertEquals(peer.protocol, "chat");
  await peer.send("up");
  assertEquals((await upstream.inbox.take())?.data, "up");
  await upstream.send("gateway", "down");
  assertEquals(await peer.incoming.take(), "down");
  await upstream.remove("gateway", { code: 4_321, reason: "moved" });
  const { code, reason } = await peer.closed;
  assertEquals([code, reason], [4_321, "moved"]);
  await listener.close();
  const late = new Connection(url, { retry: false });
  assertEquals(statusOf(await assertRejects(() => late.connect())), 502);
  await gateway.interrupt();
});

function statusOf(error: unknown): number | undefined {
  for (
    let cause = error;
    cause instanceof Error;
    cause = cause.cause
  ) if (cause instanceof HandshakeError) return cause.status;
}
