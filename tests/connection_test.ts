/** What a connection promises, with every setup. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Connection, ConnectionError, dialRaw, listen } from "../mod.ts";
import { meet, type Setup, SETUPS } from "./_support/setups.ts";

interface Pair extends AsyncDisposable {
  readonly ours: Connection;
  readonly other: Connection;
}

async function connect(setup: Setup): Promise<Pair> {
  const met = await meet(setup);
  return {
    ours: new Connection(met.ours),
    other: new Connection(met.peer),
    [Symbol.asyncDispose]: () => met[Symbol.asyncDispose](),
  };
}

for (const setup of SETUPS) {
  Deno.test(`${setup}: send resolves when the buffer is below the high-water mark`, async () => {
    await using pair = await connect(setup);
    const { ours, other } = pair;
    const size = 24 * 2 ** 20;
    for (const options of [undefined, { timeout: 60_000 }]) {
      let resolved = false;
      const sent = ours.send(new Uint8Array(size), options)
        .then(() => resolved = true);
      assertEquals(resolved, false);
      assertEquals((await other.incoming.take())?.length, size);
      await sent;
      assert(ours.stats().bufferedBytes < 2 ** 20);
    }
    const small = ours.send("small");
    await small;
    assertEquals(await other.incoming.take(), "small");
  });

  Deno.test(`${setup}: a stream of many short chunks arrives as one message`, async () => {
    await using pair = await connect(setup);
    const { ours, other } = pair;
    const source = async function* () {
      for (let i = 0; i < 20_000; i++) yield "tick ";
    };
    await ours.sendStream(source(), { type: "text" });
    assertEquals(await other.incoming.take(), "tick ".repeat(20_000));
  });

  Deno.test(`${setup}: an idle source is cancelled when the peer leaves`, async () => {
    await using pair = await connect(setup);
    const { ours, other } = pair;
    const cancelled = Promise.withResolvers<unknown>();
    const idle = new ReadableStream<string>({
      start: (controller) => controller.enqueue("the beginning"),
      cancel: (reason) => cancelled.resolve(reason),
    });
    const sent = assertRejects(() => ours.sendStream(idle), ConnectionError);
    await other.close(4_000, "bye");
    assertEquals((await sent).code, "connection-closed");
    await cancelled.promise;
    assertEquals(idle.locked, false);
    assertEquals((await ours.errors.take())?.closeCode, 4_000);
  });

  Deno.test(`${setup}: a close frame without a code can be sent and is reported`, async () => {
    await using pair = await connect(setup);
    const { ours, other } = pair;
    const end = await ours.close(1005);
    assertEquals([end.clean, end.sent?.code], [true, 1005]);
    const { code, reason } = await other.closed;
    assertEquals([code, reason], [1005, ""]);
    assertEquals((await other.errors.take())?.code, "peer-closed-clean");
  });

  Deno.test(`${setup}: the round trip has fractions of a millisecond`, async () => {
    await using pair = await connect(setup);
    const { ours } = pair;
    const trips: number[] = [];
    for (let i = 0; i < 5; i++) trips.push(await ours.ping());
    assert(trips.every((trip) => trip > 0), String(trips));
    assert(trips.some((trip) => !Number.isInteger(trip)), String(trips));
    assertEquals(ours.stats().latency, trips.at(-1));
  });

  Deno.test(`${setup}: Web streams carry messages both ways, and end with the connection`, async () => {
    await using pair = await connect(setup);
    const { ours, other } = pair;
    const echo = other.readable.pipeTo(other.writable).catch(() => {});
    const writer = ours.writable.getWriter();
    const reader = ours.readable.getReader();
    for (let i = 0; i < 100; i++) {
      await writer.write(`message ${i}`);
      assertEquals((await reader.read()).value, `message ${i}`);
    }
    await writer.close();
    assertEquals((await reader.read()).done, true);
    await echo;
    assertEquals((await other.closed).code, 1000);
  });
}

Deno.test("The response of the opening handshake can be read on the client's side", async () => {
  await using listener = listen({ hostname: "127.0.0.1" });
  await listener.ready;
  const incoming = listener[Symbol.asyncIterator]();
  const connection = new Connection(`ws://127.0.0.1:${listener.port}`, {
    dialer: dialRaw,
  });
  const connected = connection.connect();
  const { value } = await incoming.next();
  assert(value !== undefined);
  const server = new Connection(value.accept());
  await connected;
  assertEquals(connection.response?.status, 101);
  assert(connection.response?.headers.has("sec-websocket-accept"));
  assertEquals(server.response, undefined);
  await connection.close();
});

Deno.test("The error of a connection that broke a limit of ours says which, and with what close code", async () => {
  await using listener = listen({ hostname: "127.0.0.1" });
  await listener.ready;
  const incoming = listener[Symbol.asyncIterator]();
  const client = new Connection(`ws://127.0.0.1:${listener.port}`);
  const connected = client.connect();
  const { value } = await incoming.next();
  assert(value !== undefined);
  const server = new Connection(value.accept({ maxMessageSize: 1_000 }));
  await connected;
  client.trySend("x".repeat(2_000));
  const error = await server.errors.take();
  assertEquals([error?.code, error?.closeCode], ["read-error", 1009]);
  assert(error?.message.includes("maxMessageSize"), error?.message);
  assertEquals((await client.closed).code, 1009);
});
