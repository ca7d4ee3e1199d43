/** Libraries that take a WebSocket implementation, on this one, each against a server of its own. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { GraphQLObjectType, GraphQLSchema, GraphQLString } from "graphql";
import { CloseCode, createClient } from "graphql-ws";
import { useServer } from "graphql-ws/use/ws";
import {
  finalizeEvent,
  generateSecretKey,
  verifyEvent,
} from "nostr-tools/pure";
import { AbstractSimplePool } from "nostr-tools/abstract-pool";
import { WebSocket as ReconnectingWebSocket } from "partysocket";
// @ts-types="@types/ws"
import type { WebSocket as Peer } from "ws";
import { eventually } from "../testing/eventually.ts";
import { Server } from "./_support/ws_server.ts";
import { WebSocket } from "./websocket.ts";

/** A relay (NIP-01) that keeps every event, and passes it on to every subscription. */
function serveRelay(server: Server): void {
  const events: unknown[] = [];
  const subscriptions = new Map<string, Peer>();
  server.ws.on("connection", (peer) => {
    peer.on("message", (data) => {
      const say = (to: Peer, ...message: unknown[]) =>
        to.send(JSON.stringify(message));
      const [type, first] = JSON.parse(data.toString());
      if (type === "EVENT") {
        events.push(first);
        say(peer, "OK", first.id, true, "");
        for (const [id, to] of subscriptions) say(to, "EVENT", id, first);
      } else if (type === "REQ") {
        subscriptions.set(first, peer);
        for (const event of events) say(peer, "EVENT", first, event);
        say(peer, "EOSE", first);
      } else if (type === "CLOSE") subscriptions.delete(first);
    });
  });
}

Deno.test("nostr-tools publishes and subscribes through a relay", async () => {
  await using server = await Server.listen();
  serveRelay(server);
  const pool = new AbstractSimplePool({
    verifyEvent,
    websocketImplementation: WebSocket,
    maxWaitForConnection: 5_000,
  });
  const key = generateSecretKey();
  const note = (content: string) =>
    finalizeEvent({ kind: 1, created_at: 1, tags: [], content }, key);
  await Promise.all(pool.publish([server.url], note("first")));
  const seen: string[] = [];
  const end = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  pool.subscribeMany([server.url], { kinds: [1] }, {
    onevent: ({ content }) => seen.push(content),
    oneose: () => end.resolve(),
    onclose: () => closed.resolve(),
  });
  await end.promise;
  assertEquals(seen, ["first"]);
  await Promise.all(pool.publish([server.url], note("grüße")));
  await eventually(() => seen.length === 2);
  assertEquals(seen, ["first", "grüße"]);
  const [peer] = server.ws.clients;
  const left = new Promise<number>((resolve) => peer?.once("close", resolve));
  pool.close([server.url]);
  await closed.promise;
  await left;
});

Deno.test("nostr-tools learns that a relay cannot be reached", async () => {
  const server = await Server.listen();
  const { url } = server;
  await server[Symbol.asyncDispose]();
  const pool = new AbstractSimplePool({
    verifyEvent,
    websocketImplementation: WebSocket,
    maxWaitForConnection: 5_000,
  });
  await assertRejects(() => pool.ensureRelay(url));
  pool.close([url]);
});

/** A schema with a query, and a subscription that counts. */
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({
    name: "Query",
    fields: { hello: { type: GraphQLString, resolve: () => "world" } },
  }),
  subscription: new GraphQLObjectType({
    name: "Subscription",
    fields: {
      count: {
        type: GraphQLString,
        async *subscribe() {
          for (let i = 0;; i++) {
            await new Promise((resolve) => setTimeout(resolve, 1));
            yield { count: `${i}` };
          }
        },
      },
    },
  }),
});

Deno.test("graphql-ws queries and subscribes", async () => {
  await using server = await Server.listen();
  const disposable = useServer({ schema }, server.ws);
  const events: string[] = [];
  const client = createClient({
    url: server.url,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    lazy: false,
    keepAlive: 10,
    on: {
      opened: (socket) => events.push(`opened ${socket instanceof WebSocket}`),
      connected: () => events.push("connected"),
      pong: (received) => received && events.push("pong"),
      closed: (event) =>
        events.push(event instanceof CloseEvent ? `${event.code}` : "?"),
    },
  });
  const answers: unknown[] = [];
  for await (const { data } of client.iterate({ query: "{ hello }" })) {
    answers.push(data?.hello);
  }
  assertEquals(answers, ["world"]);
  const counts: unknown[] = [];
  for await (
    const { data } of client.iterate({ query: "subscription { count }" })
  ) {
    if (counts.push(data?.count) === 5) break;
  }
  assertEquals(counts, ["0", "1", "2", "3", "4"]);
  await eventually(() => events.includes("pong"));
  await client.dispose();
  await eventually(() => events.includes("1000"));
  assertEquals(events.slice(0, 2), ["opened true", "connected"]);
  await disposable.dispose();
});

Deno.test("graphql-ws sees the close code of a server that refuses it", async () => {
  await using server = await Server.listen();
  const disposable = useServer({ schema, onConnect: () => false }, server.ws);
  const closed = Promise.withResolvers<unknown>();
  const client = createClient({
    url: server.url,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    lazy: false,
    onNonLazyError: closed.resolve,
  });
  const event = await closed.promise;
  assert(event instanceof CloseEvent);
  assertEquals([event.code, event.reason], [CloseCode.Forbidden, "Forbidden"]);
  await client.dispose();
  await disposable.dispose();
});

Deno.test("partysocket comes back after losses, with the messages sent meanwhile", async () => {
  await using server = await Server.listen();
  let connections = 0;
  const received: string[] = [];
  server.ws.on("connection", (peer) => {
    connections++;
    peer.on("message", (data, binary) => {
      received.push(data.toString());
      peer.send(data, { binary });
    });
  });
  const socket = new ReconnectingWebSocket(server.url, [], {
    WebSocket,
    minReconnectionDelay: 1,
    maxReconnectionDelay: 10,
  });
  socket.binaryType = "arraybuffer";
  const echoes: unknown[] = [];
  const closes: number[] = [];
  socket.addEventListener("message", ({ data }) => echoes.push(data));
  socket.addEventListener("close", ({ code }) => closes.push(code));
  socket.send("before it is open");
  await eventually(() => echoes.length === 1);
  for (const end of ["terminate", "close"] as const) {
    const [peer] = server.ws.clients;
    const before = connections;
    peer?.[end]();
    await eventually(() => closes.length === before);
    socket.send(end);
    await eventually(() => connections === before + 1);
    await eventually(() => received.includes(end));
  }
  socket.send(Uint8Array.of(1, 2));
  await eventually(() => echoes.length === 4);
  assertEquals(echoes.slice(0, 3), ["before it is open", "terminate", "close"]);
  assertEquals(echoes[3], Uint8Array.of(1, 2).buffer);
  assertEquals(closes.length, 2);
  socket.close(1000);
  await eventually(() => server.ws.clients.size === 0);
});
