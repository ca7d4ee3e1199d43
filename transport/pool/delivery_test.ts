import { assertEquals } from "@std/assert";
import { setUp, Source } from "./_support/delivery.ts";

Deno.test("A message is stamped and goes straight into the inbox", () => {
  const { inbox, backlogs, admit } = setUp();
  const delivery = admit();
  new Source(delivery, 7).receive("x");
  assertEquals(inbox.shift(), {
    id: "a",
    data: "x",
    receivedAt: 5,
    session: 7,
  });
  assertEquals(backlogs.size, 0);
});

Deno.test("A peer is paused while the inbox is full, and resumed when it is half empty", () => {
  const { inbox, backlogs, admit, read, log } = setUp({}, 4);
  const source = new Source(admit(), 1);
  source.receive("0", "1", "2", "3", "4", "5", "6", "7");
  assertEquals([inbox.size, source.unread, backlogs.size], [4, 4, 1]);
  read(1);
  assertEquals(source.unread, 4);
  read(1);
  assertEquals([inbox.size, source.unread], [4, 2]);
  read();
  assertEquals(log, ["0", "1", "2", "3", "4", "5", "6", "7"]);
  assertEquals(backlogs.size, 0);
});

Deno.test("The inbox is full by its bytes too", () => {
  const { inbox, admit, read, log } = setUp({}, 100, 10);
  const source = new Source(admit(), 1);
  source.receive("12345678", "12345678", "x");
  assertEquals([inbox.size, source.unread], [2, 1]);
  read();
  assertEquals(log.length, 3);
});

Deno.test("Peers get their turn in order", () => {
  const { admit, read, log } = setUp({}, 2);
  for (const id of ["a", "b", "c"]) {
    new Source(admit(id), 1).receive(`${id}1`, `${id}2`, `${id}3`, `${id}4`);
  }
  read();
  assertEquals(log.length, 12);
  // The first filled the inbox, and gets its next turn before the others, but only one.
  assertEquals(log.slice(0, 6), ["a1", "a2", "a3", "b1", "c1", "a4"]);
});

Deno.test("Peers of which much waits get their turn one after the other", () => {
  const { admit, read, log } = setUp({}, 1);
  new Source(admit("a"), 1, false).receive("a0", "a1", "a2", "a3");
  new Source(admit("b"), 1, false).receive("b0", "b1", "b2");
  read();
  assertEquals(log, ["a0", "a1", "b0", "a2", "b1", "a3", "b2"]);
});

Deno.test("A paused connection is not resumed when what waits fills the inbox again", () => {
  const { admit, read } = setUp({}, 1);
  const delivery = admit();
  const first = new Source(delivery, 1);
  const second = new Source(delivery, 2);
  first.receive("0", "1");
  second.receive("2", "3");
  read(1);
  assertEquals([delivery.waiting, first.unread, second.unread], [0, 1, 1]);
  read();
  assertEquals([first.unread, second.unread], [0, 0]);
});

Deno.test("What an ended connection brought comes before its end event and before the next connection", () => {
  const { admit, emit, read, log } = setUp({}, 1);
  const delivery = admit();
  const first = new Source(delivery, 1);
  first.receive("1a", "1b", "1c");
  first.finish();
  first.end();
  emit(delivery, "disconnected");
  emit(delivery, "connected");
  const second = new Source(delivery, 2);
  second.receive("2a", "2b");
  assertEquals([second.unread, delivery.waiting, log], [1, 3, []]);
  read();
  // Reading 1b put 1c into the inbox, so that the events could follow.
  assertEquals(log, [
    "1a",
    "disconnected",
    "connected",
    "1b",
    "1c",
    "2a",
    "2b",
  ]);
});

Deno.test("An event is emitted at once when nothing waits, also of a peer that is paused", () => {
  const { backlogs, admit, emit, log } = setUp({}, 1);
  const delivery = admit();
  emit(delivery, "connected");
  assertEquals(log, ["connected"]);
  const source = new Source(delivery, 1);
  source.receive("0", "1");
  assertEquals([source.unread, delivery.waiting], [1, 0]);
  emit(delivery, "disconnected");
  assertEquals(log, ["connected", "disconnected"]);
  // Nothing is kept for a paused connection that has ended.
  assertEquals(backlogs.size, 1);
  source.end();
  assertEquals(backlogs.size, 0);
});

Deno.test("A peer that comes back again and again with an unread inbox leaves a bounded number of messages", () => {
  const { inbox, admit, emit, errors, read, log } = setUp({}, 2);
  const delivery = admit();
  let open = 0;
  for (let i = 1; i <= 100; i++) {
    const source = new Source(delivery, i);
    emit(delivery, "connected");
    source.receive("x", "x", "x");
    source.finish();
    source.end();
    emit(delivery, "disconnected");
    open = Math.max(open, delivery.waiting);
  }
  assertEquals([inbox.size, open, delivery.waiting], [2, 3, 3]);
  assertEquals(delivery.counter.droppedMessages, 295);
  assertEquals(errors.length, 99);
  read();
  // The events still alternate, and say how many were left out.
  const events = log.filter((entry) => entry !== "x");
  const kinds = events.map((event) => event.split(" ")[0]);
  assertEquals(
    kinds,
    kinds.map((_, i) => i % 2 === 0 ? "connected" : "disconnected"),
  );
  const missed = events.map((event) => Number(/\d+/.exec(event)?.[0] ?? 0));
  assertEquals(events.length + missed.reduce((a, b) => a + b), 200);
  assertEquals(events.length <= 32, true);
});

Deno.test("Peers of ever new names that are gone leave a bounded number of messages together", () => {
  const { inbox, backlogs, admit, emit, read, log } = setUp({}, 2);
  for (let i = 0; i < 100; i++) {
    const delivery = admit(`peer ${i}`);
    const source = new Source(delivery, 1);
    source.receive("x", "x");
    source.finish();
    source.end();
    delivery.leave();
    emit(delivery, "disconnected");
  }
  assertEquals(inbox.size, 2);
  const { items } = backlogs.departedSpace;
  assertEquals(items, 0);
  // Nothing is kept for peers of which nothing waits.
  assertEquals(backlogs.size <= 4, true);
  read();
  assertEquals(log.filter((entry) => entry === "x").length, 6);
  assertEquals(log.filter((entry) => entry === "disconnected").length, 100);
  assertEquals([backlogs.size, backlogs.departedSpace.items], [0, 4]);
});

Deno.test("A peer that comes again has its own space, and is paused until its older messages are read", () => {
  const { backlogs, admit, read, log } = setUp({}, 1);
  const first = admit();
  const old = new Source(first, 1);
  old.receive("1a", "1b", "1c");
  old.finish();
  old.end();
  first.leave();
  assertEquals(backlogs.departedSpace.items, 2);
  const second = admit();
  assertEquals(backlogs.departedSpace.items, 4);
  const source = new Source(second, 2);
  source.receive("2a", "2b");
  assertEquals(source.unread, 1);
  read();
  assertEquals(log, ["1a", "1b", "1c", "2a", "2b"]);
});

Deno.test("What an earlier stay brings is dropped once a later one has brought a message", () => {
  const { admit, read, log } = setUp({}, 100);
  const first = admit();
  const old = new Source(first, 1);
  old.receive("1a");
  const second = admit("a", first);
  old.receive("1b");
  new Source(second, 2).receive("2a");
  old.receive("1c");
  read();
  assertEquals(log, ["1a", "1b", "2a"]);
  assertEquals(first.counter.droppedMessages, 1);
});

Deno.test("A peer that cannot be paused may have messages up to the limit, then overflows once", () => {
  const { inbox, admit, errors, read, log } = setUp({}, 2);
  const delivery = admit();
  const source = new Source(delivery, 1, false);
  for (let i = 0; i < 10; i++) source.receive(String(i));
  assertEquals([inbox.size, delivery.waiting, source.overflows.length], [
    2,
    3,
    1,
  ]);
  read();
  // No message comes behind one that was dropped.
  source.receive("10");
  source.end();
  assertEquals(log, ["0", "1", "2", "3", "4"]);
  assertEquals(delivery.counter.droppedMessages, 6);
  assertEquals(errors.length, 1);
});

Deno.test("A connection that delivers although it should pause has no more than the limit", () => {
  const { inbox, admit } = setUp({}, 1);
  const delivery = admit();
  const sink = delivery.open(1, { flowControl: true, resume() {} });
  for (let i = 0; i < 10; i++) sink.message(String(i), 1, 5);
  assertEquals([inbox.size, delivery.waiting], [1, 3]);
  assertEquals(delivery.counter.droppedMessages, 6);
});

Deno.test("Messages whose memory was transferred while they waited take no space later", () => {
  const { inbox, backlogs, admit } = setUp({}, 1);
  const delivery = admit();
  const sink = delivery.open(1, { flowControl: false, resume() {} });
  sink.message("in the inbox", 12, 5);
  const data = new Uint8Array(10);
  sink.message(data, 10, 5);
  delivery.leave();
  assertEquals(backlogs.departedSpace.bytes, 990);
  data.buffer.transfer();
  for (let i = 0; i < 2; i++) inbox.shift();
  assertEquals(backlogs.departedSpace.bytes, 1_000);
});

Deno.test("A connection that is about to close does not overflow: what does not fit is dropped", () => {
  const { admit } = setUp({}, 1);
  const delivery = admit();
  const source = new Source(delivery, 1);
  source.finish();
  source.receive("0", "1", "2", "3", "4");
  assertEquals([delivery.waiting, source.overflows], [3, []]);
  assertEquals(delivery.counter.droppedMessages, 1);
});

Deno.test("A connection is resumed once for each pause, and not if it was not paused", () => {
  const { inbox, admit } = setUp({}, 1);
  const delivery = admit();
  let resumed = 0;
  const open = () =>
    delivery.open(1, { flowControl: true, resume: () => void resumed++ });
  open().finish();
  assertEquals(resumed, 0);
  const sink = open();
  assertEquals(sink.message("0", 1, 5), false);
  sink.finish();
  inbox.shift();
  assertEquals(resumed, 1);
});

Deno.test("A connection that has ended is not resumed, and brings no message", () => {
  const { inbox, admit } = setUp({}, 1);
  const delivery = admit();
  let resumed = 0;
  const resume = () => void resumed++;
  const sink = delivery.open(1, { flowControl: true, resume });
  assertEquals(sink.message("0", 1, 5), false);
  sink.end();
  sink.end();
  sink.finish();
  inbox.shift();
  assertEquals(sink.message("late", 4, 5), true);
  assertEquals([resumed, inbox.size], [0, 0]);
  assertEquals(delivery.counter.droppedMessages, 1);
});

Deno.test("The bytes of one peer are bounded too", () => {
  const { admit } = setUp({ maxItems: 100, maxBytes: 10 }, 1);
  const delivery = admit();
  const source = new Source(delivery, 1, false);
  for (let i = 0; i < 10; i++) source.receive("123456");
  assertEquals([delivery.waiting, source.overflows.length], [2, 1]);
});

for (const flowControl of [true, false]) {
  Deno.test(`With maxQueueSize the oldest messages are dropped, and no peer is paused (flow control: ${flowControl})`, () => {
    const { admit, errors, read, log } = setUp({ maxQueueSize: 3 }, 1);
    const delivery = admit();
    const source = new Source(delivery, 1, flowControl);
    for (let i = 0; i < 10; i++) source.receive(String(i));
    assertEquals([source.unread, delivery.waiting], [0, 3]);
    assertEquals(delivery.counter.droppedMessages, 6);
    assertEquals([source.overflows.length, errors.length], [0, 1]);
    read();
    assertEquals(log, ["0", "7", "8", "9"]);
  });
}

Deno.test("With maxQueueSize bytes are bounded too, and events keep their place", () => {
  const { admit, emit, read, log } = setUp({
    maxQueueSize: 100,
    maxBytes: 10,
  }, 1);
  const delivery = admit();
  const first = new Source(delivery, 1);
  first.receive("in the inbox", "123456");
  first.end();
  emit(delivery, "disconnected");
  new Source(delivery, 2).receive("abcdef", "ghijkl");
  // The event came to the front when the message before it was dropped.
  assertEquals(log, ["disconnected"]);
  read();
  assertEquals(log, ["disconnected", "in the inbox", "ghijkl"]);
});

Deno.test("With maxQueueSize a single message may be larger than all that may wait", () => {
  const { admit, read, log } = setUp({ maxQueueSize: 3, maxBytes: 10 }, 1);
  new Source(admit(), 1).receive("0", "123456", "a longer message");
  read();
  assertEquals(log, ["0", "a longer message"]);
});

Deno.test("Two connections of one session both deliver, and both are paused", () => {
  const { admit, read, log } = setUp({}, 1);
  const delivery = admit();
  const sources = [new Source(delivery, 1), new Source(delivery, 1)];
  for (const source of sources) source.receive("1", "2", "3");
  assertEquals(sources.map((source) => source.unread), [2, 2]);
  read();
  assertEquals(log.length, 6);
});

Deno.test("close moves all messages that wait into the inbox, in order, and drops later ones", () => {
  const { inbox, backlogs, admit, emit, read, log } = setUp({}, 1);
  const delivery = admit();
  const source = new Source(delivery, 1);
  source.receive("a", "b", "c");
  source.finish();
  emit(delivery, "disconnected");
  backlogs.close();
  assertEquals([inbox.size, backlogs.size], [3, 0]);
  source.receive("late");
  read();
  assertEquals(log, ["disconnected", "a", "b", "c"]);
});

Deno.test("Messages of a peer that can be paused are never dropped while it is connected", () => {
  const { admit, errors, read, log } = setUp({ maxItems: 1 }, 1);
  const delivery = admit();
  const first = new Source(delivery, 1);
  first.receive("1a", "1b");
  first.finish();
  first.end();
  const second = new Source(delivery, 2);
  second.receive("2a");
  assertEquals([delivery.waiting, errors.length], [2, 0]);
  read();
  assertEquals(log, ["1a", "1b", "2a"]);
});
