import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { FakeClock } from "../../testing/fake_clock.ts";
import { MockSocket } from "../../testing/mock_socket.ts";
import { socketPair } from "../../testing/socket_pair.ts";
import { eventually } from "../../testing/eventually.ts";
import { ConfigError, ConnectionError } from "../base/errors.ts";
import { Connection } from "../connection/connection.ts";
import type { OpenConnectionOptions } from "../connection/options.ts";
import { listen } from "../server/listen.ts";
import { pipe } from "./pipe.ts";

/** Two peers with a gateway between them. */
function setUp(options?: OpenConnectionOptions) {
  const left = socketPair();
  const right = socketPair();
  const a = new Connection(left.server, options);
  const b = new Connection(right.server, options);
  return { left: left.client, right: right.client, a, b };
}

Deno.test("Messages of both kinds pass both ways, in order", async () => {
  const { left, right, a, b } = setUp();
  const piped = pipe(a, b);
  const client = new Connection(left);
  const server = new Connection(right);
  for (let i = 0; i < 50; i++) {
    await client.send(i % 2 ? String(i) : new Uint8Array([i]));
    await server.send(`answer ${i}`);
  }
  for (let i = 0; i < 50; i++) {
    assertEquals(
      await server.incoming.take(),
      i % 2 ? String(i) : new Uint8Array([i]),
    );
    assertEquals(await client.incoming.take(), `answer ${i}`);
  }
  void client.close();
  await piped;
  await server.closed;
});

const CLOSES: readonly [
  string,
  (peer: Connection) => void,
  code: number,
  reason: string,
][] = [
  ["1000", (peer) => void peer.close(), 1000, ""],
  ["1001 with a reason", (peer) => void peer.close(1001, "bye"), 1001, "bye"],
  ["a code of its own", (peer) => void peer.close(4321, "mine"), 4321, "mine"],
  ["no code", (peer) => void peer.close(1005), 1005, ""],
  [
    "no close frame",
    (peer) => peer.terminate(),
    1011,
    "The other side was lost",
  ],
];

for (const [name, close, code, reason] of CLOSES) {
  for (const side of ["left", "right"] as const) {
    Deno.test(`A ${side} side that ends with ${name} ends the other with ${code}, behind its messages`, async () => {
      const { left, right, a, b } = setUp();
      const piped = pipe(a, b);
      const [one, other] = side === "left" ? [left, right] : [right, left];
      const ending = new Connection(one);
      const waiting = new Connection(other);
      for (let i = 0; i < 5; i++) await ending.send(String(i));
      // A cut loses what is on its way.
      if (code === 1011) await eventually(() => waiting.incoming.size === 5);
      close(ending);
      const end = await waiting.closed;
      assertEquals([end.received?.code, end.received?.reason], [code, reason]);
      for (let i = 0; i < 5; i++) {
        assertEquals(await waiting.incoming.take(), String(i));
      }
      const [endA, endB] = await piped;
      assertEquals([endA, endB], [await a.closed, await b.closed]);
    });
  }
}

Deno.test("A side that our own close ended without an answer passes on the close frame that was sent", async () => {
  const { client, server } = socketPair();
  const socket = new MockSocket({ behaviour: { close: () => {} } });
  const [a, b] = [new Connection(socket), new Connection(client)];
  const waiting = new Connection(server);
  const piped = pipe(a, b);
  void a.close(4321, "mine");
  // The peer leaves.
  socket.end({ code: 1006 });
  const { received } = await waiting.closed;
  assertEquals([received?.code, received?.reason], [4321, "mine"]);
  await piped;
});

for (const answers of [true, false]) {
  Deno.test(`A side that we close because of a limit closes the other with 1011, if the peer ${answers ? "answers" : "does not answer"}`, async () => {
    const close = () => {};
    const socket = new MockSocket({
      flowControl: false,
      behaviour: answers ? {} : { close },
    });
    const pair = socketPair();
    const a = new Connection(socket, { incomingBufferSize: 1 });
    const b = new Connection(pair.client);
    const far = new Connection(pair.server);
    const piped = pipe(a, b);
    for (let i = 0; i < 5; i++) socket.receive(String(i));
    assertEquals(socket.closes.map(({ code }) => code), [1009]);
    if (!answers) socket.end({ sent: { code: 1009, reason: "" } });
    assertEquals((await far.closed).received?.code, 1011);
    await piped;
  });
}

Deno.test("The close frame of a side is passed on although its stream failed behind it", async () => {
  const socket = new MockSocket();
  const pair = socketPair();
  const far = new Connection(pair.server);
  const piped = pipe(new Connection(socket), new Connection(pair.client));
  socket.end({
    code: 4000,
    initiator: "peer",
    received: { code: 4000, reason: "mine" },
    error: new Error("reset"),
  });
  const { received } = await far.closed;
  assertEquals(received, { code: 4000, reason: "mine" });
  await piped;
});

Deno.test("While one side does not read, no more than the buffers hold is under way", async () => {
  const { left, right, a, b } = setUp({
    incomingBufferBytes: 10_000,
    highWaterMark: 10_000,
  });
  const piped = pipe(a, b);
  const client = new Connection(left);
  for (let i = 0; i < 500; i++) client.trySend(String(i).padEnd(1_000, "."));
  await delay(5);
  const { sentBytes, bufferedBytes } = client.stats();
  const underWay = sentBytes - bufferedBytes;
  // Two connections and two buffers of output, and what each socket has read and not delivered yet, at most 64 KiB.
  const most = 22_000 + 2 * 65_536;
  assert(underWay >= 20_000 && underWay <= most, `${underWay} bytes`);
  // It begins to read.
  const server = new Connection(right);
  for (let i = 0; i < 500; i++) {
    assertEquals(
      await server.incoming.take(),
      String(i).padEnd(1_000, "."),
    );
  }
  await client.close();
  await piped;
});

Deno.test("A side that reads nothing is cut by writeTimeout, and the other side is closed", async () => {
  const clock = new FakeClock();
  const from = new MockSocket({ clock });
  const to = new MockSocket({ clock, buffering: true });
  const options = { clock, highWaterMark: 10, pingInterval: 0 };
  const piped = pipe(
    new Connection(from, options),
    new Connection(to, { ...options, writeTimeout: 1_000 }),
  );
  from.receive("x".repeat(20));
  from.receive("y");
  await clock.advance(2_000);
  assertEquals(to.terminations.length, 1);
  assertEquals(from.closes.map(({ code }) => code), [1011]);
  await piped;
});

Deno.test("What had arrived before, and the end of one that ended before, are passed on", async () => {
  const { left, right, a, b } = setUp();
  left.write("early");
  left.close(4000, "gone");
  await a.closed;
  const server = new Connection(right);
  await pipe(a, b);
  assertEquals(await server.incoming.take(), "early");
  assertEquals((await server.closed).received?.code, 4000);
  await left.closed;
});

Deno.test("A signal closes both with 1001, and no listener stays on it", async () => {
  for (const late of [true, false]) {
    const { left, right, a, b } = setUp();
    const controller = new AbortController();
    if (!late) controller.abort();
    const piped = pipe(a, b, { signal: controller.signal });
    const peers = [new Connection(left), new Connection(right)];
    controller.abort();
    for (const peer of peers) {
      assertEquals((await peer.closed).received?.code, 1001);
    }
    await piped;
  }
});

Deno.test("What cannot be piped is refused", async () => {
  const { left, right, a, b } = setUp();
  const fresh = new Connection("ws://a.example");
  const error = await assertRejects(() => pipe(a, fresh), ConnectionError);
  assertEquals(error.code, "not-connected");
  await assertRejects(
    // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
    () => pipe(a, left as any),
    ConfigError,
    "a Connection",
  );
  await assertRejects(
    // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
    () => pipe(a, b, { signal: 1 as any }),
    ConfigError,
  );
  await assertRejects(() => pipe(a, a), ConfigError, "another connection");
  await fresh.close();
  for (const socket of [left, right]) socket.terminate();
  await Promise.all([a.closed, b.closed]);
});

Deno.test("A gateway over real sockets passes messages and close codes on", async () => {
  const echo = listen({ hostname: "127.0.0.1" });
  await echo.ready;
  const echoing = (async () => {
    for await (const incoming of echo) {
      const peer = new Connection(incoming.accept());
      for await (const message of peer.incoming) {
        if (message === "end") await peer.close(4000, "as asked");
        else await peer.send(message);
      }
    }
  })();
  const gateway = listen({ hostname: "127.0.0.1" });
  await gateway.ready;
  const piped = (async () => {
    for await (const incoming of gateway) {
      const upstream = new Connection(`ws://127.0.0.1:${echo.port}`);
      await upstream.connect();
      await pipe(new Connection(incoming.accept()), upstream);
      break;
    }
  })();
  const client = new Connection(`ws://127.0.0.1:${gateway.port}`);
  await client.connect();
  for (let i = 0; i < 500; i++) await client.send(String(i));
  for (let i = 0; i < 500; i++) {
    assertEquals(await client.incoming.take(), String(i));
  }
  await client.send("end");
  const end = await client.closed;
  assertEquals([end.code, end.reason], [4000, "as asked"]);
  await piped;
  await gateway.close();
  await echo.close();
  await echoing;
});
