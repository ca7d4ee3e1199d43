import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConnectionError } from "../transport/base/errors.ts";
import type { Socket } from "../transport/socket/socket.ts";
import { expectIncoming } from "./expect.ts";
import { FakeClock } from "./fake_clock.ts";
import { RecordingReader } from "./recording_reader.ts";
import { socketPair, type SocketPairOptions } from "./socket_pair.ts";

interface Started {
  readonly clock: FakeClock;
  readonly client: Socket;
  readonly server: Socket;
  readonly atClient: RecordingReader;
  readonly atServer: RecordingReader;
}

function startedPair(
  options: SocketPairOptions = {},
  capacity = Infinity,
): Started {
  const clock = new FakeClock();
  const { client, server } = socketPair({ clock, ...options });
  const atClient = new RecordingReader();
  const atServer = new RecordingReader({ capacity });
  client.start(atClient);
  server.start(atServer);
  return { clock, client, server, atClient, atServer };
}

Deno.test("messages arrive at the other end, later and in order, whatever the writer does with its bytes", async () => {
  const { clock, client, server, atClient, atServer } = startedPair();
  const bytes = new Uint8Array([1, 2]);
  client.write(bytes);
  bytes.fill(0);
  client.write("b");
  server.write("c");
  assertEquals(atServer.messages, []);
  // A masked frame has a header of 6 bytes.
  assertEquals([client.bufferedAmount, client.sentBytes], [2 * 6 + 3, 3]);
  await clock.settle();
  assertEquals(atServer.messages, [new Uint8Array([1, 2]), "b"]);
  assertEquals(atServer.times, [clock.now(), clock.now()]);
  assertEquals(atClient.messages, ["c"]);
  assertEquals([client.bufferedAmount, client.sentBytes], [0, 3]);
  assertEquals(atClient.drains, 1);
});

Deno.test("nothing arrives before an end is started, and nothing is lost by that", async () => {
  const clock = new FakeClock();
  const { client, server } = socketPair({ clock });
  client.write("a");
  client.close(1000);
  await clock.settle();
  assertEquals(client.bufferedAmount, 2 * 6 + 3);
  const reader = new RecordingReader();
  server.start(reader);
  await expectIncoming(reader, "a");
  assertEquals((await server.closed).code, 1000);
  assertEquals((await client.closed).clean, true);
  assertEquals(clock.pending, 0);
});

Deno.test("a reader that returns false pauses all that follows, and the writer's buffer grows", async () => {
  const { clock, client, server, atClient, atServer } = startedPair({}, 1);
  client.write("a");
  await clock.settle();
  client.write("bcd");
  client.ping(new Uint8Array([1]));
  await clock.settle();
  assertEquals([atServer.messages, atServer.pings.length], [["a"], 0]);
  assertEquals([client.bufferedAmount, atClient.drains], [2 * 6 + 4, 1]);
  await atServer.take();
  server.resume();
  await clock.settle();
  assertEquals(atServer.messages, ["a", "bcd"]);
  assertEquals(client.bufferedAmount, 0);
  await atServer.take();
  server.resume();
  await clock.settle();
  assertEquals([atServer.pings.length, atClient.pongs.length], [1, 1]);
});

Deno.test("an end without flow control takes everything", async () => {
  const { clock, client, atServer } = startedPair(
    { server: { flowControl: false } },
    1,
  );
  client.write("a");
  client.write("b");
  await clock.settle();
  assertEquals(atServer.messages, ["a", "b"]);
  assertEquals(client.bufferedAmount, 0);
});

Deno.test("a ping is answered with its payload, also by an end that does not show it", async () => {
  const { clock, client, server, atClient, atServer } = startedPair({
    server: { controlFrames: false, streaming: false },
  });
  client.ping(new Uint8Array([1, 2]));
  await clock.settle();
  assertEquals(atClient.pongs, [new Uint8Array([1, 2])]);
  assertEquals(atServer.pings, []);
  assertEquals([client.controlFrames, server.controlFrames], [true, false]);
  assertEquals(server.writeFragment, undefined);
  assertThrows(() => server.ping(new Uint8Array(0)), ConnectionError);
});

Deno.test("fragments arrive as one message", async () => {
  const { clock, client, atServer } = startedPair();
  const payload = new Uint8Array([97, 98]);
  assert(client.writeFragment);
  client.writeFragment({ type: "text", payload, first: true, last: false });
  assertEquals(client.bufferedAmount, 6 + 2);
  await clock.settle();
  assertEquals([atServer.messages.length, client.bufferedAmount], [0, 0]);
  client.writeFragment({ type: "text", payload, first: false, last: true });
  await clock.settle();
  assertEquals(atServer.messages, ["abab"]);
});

for (
  const [closer, other] of [["client", "server"], ["server", "client"]] as const
) {
  Deno.test(`the ${closer} closes: both ends know the close frame, and messages written before it arrive`, async () => {
    const pair = startedPair();
    const readers = { client: pair.atClient, server: pair.atServer };
    pair[closer].write("last");
    pair[closer].close(3001, "bye");
    assertThrows(() => pair[closer].write("too late"), ConnectionError);
    const frame = { code: 3001, reason: "bye" };
    const both = {
      ...frame,
      clean: true,
      received: frame,
      sent: frame,
      error: undefined,
      inactive: false,
      dropped: 0,
    };
    assertEquals(await pair[closer].closed, { ...both, initiator: "local" });
    assertEquals(await pair[other].closed, { ...both, initiator: "peer" });
    assertEquals(readers[other].messages, ["last"]);
    assertEquals([readers.client.ends.length, readers.server.ends.length], [
      1,
      1,
    ]);
    assertEquals(pair.clock.pending, 0);
  });
}

Deno.test("both ends close at once", async () => {
  const { clock, client, server } = startedPair();
  client.close(1000);
  server.close();
  const [atClient, atServer] = await Promise.all([
    client.closed,
    server.closed,
  ]);
  assertEquals([atClient.code, atServer.code], [1005, 1000]);
  assertEquals([atClient.clean, atServer.clean], [true, true]);
  assertEquals([atClient.initiator, atServer.initiator], ["local", "local"]);
  assertEquals(clock.pending, 0);
});

Deno.test("the side that closes reads on and drops what it reads, also when reading was paused", async () => {
  const { client, server, atServer, clock } = startedPair({}, 1);
  client.write("a");
  client.write("b");
  await clock.settle();
  server.close(1001);
  assertEquals((await server.closed).clean, true);
  assertEquals((await client.closed).code, 1001);
  assertEquals(atServer.messages, ["a"]);
});

Deno.test("a closing handshake that is not answered ends after its timeout, exactly", async () => {
  const clock = new FakeClock();
  const { client, server } = socketPair({ clock });
  const reader = new RecordingReader();
  client.start(reader);
  client.close(1000, "", { timeout: 300 });
  await clock.advance(299);
  assertEquals(reader.ends, []);
  await clock.advance(1);
  const end = await client.closed;
  // The other end was not started, and has not read it.
  assertEquals([end.code, end.clean, end.sent], [1006, false, undefined]);
  const late = new RecordingReader();
  server.start(late);
  await clock.settle();
  assertEquals(late.ends.map(({ code }) => code), [1006]);
  assertEquals(clock.pending, 0);
});

Deno.test("a timeout of 0 waits for ever", async () => {
  const { clock, client, server } = startedPair({}, 1);
  client.write("a");
  await clock.settle();
  client.close(1000, "", { timeout: 0 });
  assertEquals(clock.pending, 0);
  server.resume();
  assertEquals((await client.closed).clean, true);
});

Deno.test("a cut loses what was not read and ends the other side with 1006", async () => {
  const { clock, client, server, atClient, atServer } = startedPair();
  const error = new Error("silent");
  client.write("lost");
  client.terminate(error);
  assertEquals(atClient.ends[0]?.error, error);
  await clock.settle();
  client.terminate();
  assertThrows(() => client.write("nothing"), ConnectionError);
  server.close();
  const end = await server.closed;
  assertEquals([end.code, end.clean, end.initiator, end.error], [
    1006,
    false,
    "peer",
    undefined,
  ]);
  assertEquals(atServer.messages, []);
  assertEquals([atClient.ends.length, atServer.ends.length], [1, 1]);
  assertEquals([client.bufferedAmount, (await client.closed).initiator], [
    0,
    "local",
  ]);
});

Deno.test("an end that was cut before it was started reports it to the reader", async () => {
  const { client, server } = socketPair();
  server.terminate();
  const reader = new RecordingReader();
  client.start(reader);
  assertEquals((await client.closed).code, 1006);
  const late = new RecordingReader();
  server.start(late);
  assertEquals([reader.ends.length, late.ends.length], [1, 1]);
});
