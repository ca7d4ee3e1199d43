import { assertEquals } from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { MockSocket } from "../../testing/mock_socket.ts";
import { socketPair } from "../../testing/socket_pair.ts";
import type { Message } from "../base/message.ts";
import { Connection } from "./connection.ts";
import type { MessageSink } from "./receiving.ts";

/** Takes messages, and answers `false` from the nth on. */
class Recorder implements MessageSink {
  readonly taken: [Message, size: number, at: number][] = [];
  space: number;

  constructor(space = Infinity) {
    this.space = space;
  }

  message(data: Message, size: number, at: number): boolean {
    this.taken.push([data, size, at]);
    return this.taken.length < this.space;
  }
}

Deno.test("A sink gets each message in the call that read it, and incoming none", async () => {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock });
  const connection = new Connection(socket, { clock });
  const sink = new Recorder();
  connection.deliverTo(sink);
  socket.receive("é");
  assertEquals(sink.taken, [["é", 2, connection.lastHeardAt]]);
  assertEquals(connection.incoming.size, 0);
  assertEquals(connection.stats().receivedMessages, 1);
  socket.receiveClose();
  await connection.closed;
  assertEquals(connection.incoming.closed, true);
});

Deno.test("Messages that wait go to the sink before those that come when the peer is let go on", async () => {
  for (const incomingBufferSize of [1, 4]) {
    const socket = new MockSocket();
    const connection = new Connection(socket, { incomingBufferSize });
    for (let i = 0; i < 20; i++) socket.receive(String(i));
    assertEquals(connection.incoming.size, incomingBufferSize);
    assertEquals(socket.paused, true);
    const sink = new Recorder();
    connection.deliverTo(sink);
    assertEquals(socket.paused, false);
    socket.receive("20");
    assertEquals(
      sink.taken.map(([data]) => data),
      Array.from({ length: 21 }, (_, i) => String(i)),
    );
    await connection.close();
  }
});

Deno.test("A sink that replaces one for which reading is paused gets the messages that follow", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket);
  const sinks = [new Recorder(1), new Recorder()] as const;
  connection.deliverTo(sinks[0]);
  for (const data of ["a", "b"]) socket.receive(data);
  connection.deliverTo(sinks[1]);
  assertEquals(sinks.map(({ taken }) => taken.map(([data]) => data)), [
    ["a"],
    ["b"],
  ]);
  await connection.close();
});

Deno.test("What waits after the end goes to the sink as well", async () => {
  const { client, server } = socketPair();
  const connection = new Connection(server);
  client.write("last");
  client.close(1000);
  await connection.closed;
  const sink = new Recorder();
  connection.deliverTo(sink);
  assertEquals(sink.taken.map(([data]) => data), ["last"]);
});

Deno.test("A sink that returns false pauses reading until resume", async () => {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock });
  const connection = new Connection(socket, { clock });
  const sink = new Recorder(2);
  connection.deliverTo(sink);
  for (let i = 0; i < 4; i++) socket.receive(String(i));
  assertEquals([sink.taken.length, socket.paused], [2, true]);
  assertEquals(connection.resumedAt, Infinity);
  clock.tick(1_000);
  sink.space = Infinity;
  connection.resume();
  connection.resume();
  assertEquals([sink.taken.length, socket.resumed], [4, 1]);
  assertEquals(connection.resumedAt, clock.now());
  await connection.close();
});

Deno.test("A sink may resume before its call returns", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket);
  let taken = 0;
  connection.deliverTo({
    message() {
      taken++;
      connection.resume();
      return false;
    },
  });
  for (let i = 0; i < 3; i++) socket.receive("x");
  assertEquals([taken, socket.paused], [3, false]);
  await connection.close();
});

Deno.test("A socket without flow control goes on delivering, and resume does nothing", async () => {
  const socket = new MockSocket({ flowControl: false });
  const connection = new Connection(socket);
  const sink = new Recorder(1);
  connection.deliverTo(sink);
  for (let i = 0; i < 3; i++) socket.receive("x");
  connection.resume();
  assertEquals([sink.taken.length, socket.resumed], [3, 0]);
  await connection.close();
});

Deno.test("resume after the end does nothing", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket);
  connection.deliverTo(new Recorder(1));
  socket.receive("x");
  await connection.close();
  connection.resume();
  assertEquals(socket.resumed, 0);
});

Deno.test("What waits is handed over as far as the sink has space, the rest on resume, in order", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket, { incomingBufferSize: 8 });
  for (let i = 0; i < 5; i++) socket.receive(String(i));
  const sink = new Recorder(2);
  connection.deliverTo(sink);
  assertEquals([sink.taken.length, connection.incoming.size], [2, 3]);
  for (let i = 5; i < 12; i++) socket.receive(String(i));
  assertEquals([sink.taken.length, socket.paused], [2, true]);
  sink.space = 4;
  connection.resume();
  assertEquals([sink.taken.length, socket.resumed], [4, 0]);
  sink.space = Infinity;
  connection.resume();
  assertEquals(
    sink.taken.map(([data]) => data),
    Array.from({ length: 12 }, (_, i) => String(i)),
  );
  assertEquals(socket.paused, false);
  await connection.close();
});

Deno.test("What waits when the connection ends is handed over although the sink has no space", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket);
  const data = ["a", "b", "c", "d"];
  for (const text of data) socket.receive(text);
  const sink = new Recorder(2);
  connection.deliverTo(sink);
  assertEquals(sink.taken.length, 2);
  socket.receiveClose();
  await connection.closed;
  assertEquals(sink.taken.map(([text]) => text), data);
});

Deno.test("Messages that the socket dropped at its end are counted, and reported to the sink", async () => {
  const socket = new MockSocket();
  const connection = new Connection(socket);
  const reports: number[] = [];
  connection.deliverTo({
    message: () => true,
    end: (dropped) => void reports.push(dropped),
  });
  socket.end({ dropped: 3 });
  await connection.closed;
  assertEquals(reports, [3]);
  assertEquals(connection.stats().droppedMessages, 3);
});

Deno.test("A sink learns of the end once, behind all messages", async () => {
  for (const late of [false, true]) {
    const socket = new MockSocket();
    const connection = new Connection(socket);
    const reports: Message[] = [];
    const sink: MessageSink = {
      message: (data) => {
        reports.push(data);
        return false;
      },
      end: () => reports.push("end"),
    };
    if (!late) connection.deliverTo(sink);
    socket.receive("a");
    socket.receive("b");
    if (!late) connection.resume();
    socket.receiveClose();
    if (!late) connection.resume();
    await connection.closed;
    if (late) connection.deliverTo(sink);
    assertEquals(reports, ["a", "b", "end"]);
  }
});
