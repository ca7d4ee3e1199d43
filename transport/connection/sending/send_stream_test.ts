import { Buffer } from "node:buffer";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FakeClock } from "../../../testing/fake_clock.ts";
import { MockSocket } from "../../../testing/mock_socket.ts";
import { ConfigError, ConnectionError } from "../../base/errors.ts";
import { Outgoing } from "./outgoing.ts";
import { checkStream, type MessageStream } from "./chunk_source.ts";
import { streamOut, type StreamOutOptions } from "./send_stream.ts";

function setUp() {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock });
  const outgoing = new Outgoing({
    socket,
    clock,
    highWaterMark: 1_000,
  });
  const broken: unknown[] = [];
  const run = (
    stream: MessageStream,
    options: Partial<StreamOutOptions> = {},
  ) =>
    streamOut(socket, outgoing, stream, {
      type: "binary",
      chunkSize: 4,
      signal: undefined,
      onBroken: (cause) => broken.push(cause),
      ...options,
    });
  const sent = () =>
    socket.fragments.map(({ payload, first, last }) =>
      `${first ? "<" : ""}${new TextDecoder().decode(payload)}${
        last ? ">" : ""
      }`
    );
  return { socket, outgoing, broken, run, sent };
}

/** Also what a stream must not hold, as a user without types might pass it. */
function chunks(...values: unknown[]): ReadableStream {
  return new ReadableStream({
    pull: (stream) => {
      const value = values.shift();
      if (value instanceof Error) stream.error(value);
      else if (value === undefined) stream.close();
      else stream.enqueue(value);
    },
  });
}

Deno.test("The last fragment carries FIN, no empty one trails, and long chunks are cut", async () => {
  const table: [chunks: string[], fragments: string[]][] = [
    [["abc", "de"], ["<abcd", "e>"]],
    [["a", "b", "c", "d", "e", "f", "g", "h"], ["<abcd", "efgh>"]],
    [["abcdefgh"], ["<abcd", "efgh>"]],
    [["ab", "cdefghijk"], ["<abcd", "efgh", "ijk>"]],
    [["abcdefghij"], ["<abcd", "efgh", "ij>"]],
    [["abcd", "", ""], ["<abcd>"]],
    [["", "a"], ["<a>"]],
    [[], ["<>"]],
    [[""], ["<>"]],
  ];
  for (const [input, fragments] of table) {
    const { run, sent, outgoing } = setUp();
    await run(chunks(...input));
    assertEquals(sent(), fragments);
    assertEquals(outgoing.sentMessages, 1);
  }
});

Deno.test("A character may be torn over chunks of a text, whether strings or bytes", async () => {
  const bee = new TextEncoder().encode("🐝");
  for (
    const input of [
      ["\ud83d", "\udc1d"],
      [bee.subarray(0, 1), bee.subarray(1)],
    ]
  ) {
    const { run, socket } = setUp();
    await run(chunks(...input), { type: "text", chunkSize: 100 });
    const bytes = socket.fragments.flatMap(({ payload }) => [...payload]);
    assertEquals(bytes, [...bee]);
  }
});

Deno.test("Bytes that are not UTF-8 are refused in a text, and values that are not messages everywhere", async () => {
  const { run, socket } = setUp();
  await assertRejects(
    () => run(chunks(new Uint8Array([0xff])), { type: "text" }),
    ConfigError,
  );
  await assertRejects(
    () =>
      run(chunks(new TextEncoder().encode("🐝").subarray(0, 3)), {
        type: "text",
      }),
    ConfigError,
  );
  await assertRejects(() => run(chunks(42)), ConfigError, "type number");
  const gone = new Uint8Array(3);
  structuredClone(gone, { transfer: [gone.buffer] });
  await assertRejects(() => run(chunks(gone)), ConfigError, "transferred");
  assertEquals(socket.fragments.length, 0);
});

Deno.test("A stream that fails before its first fragment is withdrawn; later it breaks the connection", async () => {
  const early = setUp();
  await assertRejects(
    () => early.run(chunks(new Error("early"))),
    Error,
    "early",
  );
  assertEquals(early.broken, []);
  assertEquals(early.socket.fragments, []);
  await assertRejects(
    () => early.run(chunks("not", new Error("full"))),
    Error,
    "full",
  );
  assertEquals([early.broken, early.socket.fragments], [[], []]);
  await early.outgoing.send("goes on");
  const late = setUp();
  await assertRejects(
    () => late.run(chunks("abcd", "e", new Error("late"))),
    Error,
    "late",
  );
  assertEquals(late.broken.length, 1);
});

Deno.test("A source that hangs ends with the signal, and no listener stays", async () => {
  const { run, broken, outgoing } = setUp();
  const controller = new AbortController();
  const hanging = new ReadableStream<string>({
    start: (stream) => stream.enqueue("abcdef"),
  });
  const running = run(hanging, { signal: controller.signal });
  await new Promise((resolve) => setTimeout(resolve, 0));
  controller.abort(new Error("enough"));
  await assertRejects(() => running, Error, "enough");
  assertEquals(broken.length, 1);
  await outgoing.takeTurn();
});

Deno.test("A socket that cannot stream gets the message whole", async () => {
  const { run, socket, outgoing } = setUp();
  Object.defineProperty(socket, "writeFragment", { value: undefined });
  await run(chunks("ab", "cd"), { type: "text" });
  await run(chunks("ab", "cd"));
  assertEquals(socket.written, ["abcd", new TextEncoder().encode("abcd")]);
  assertEquals(outgoing.sentMessages, 2);
});

/** A stream that gives nothing after its first chunks, and notes that it was cancelled. */
function idle(...first: string[]) {
  const cancelled: unknown[] = [];
  const stream = new ReadableStream<string>({
    start: (controller) => {
      for (const chunk of first) controller.enqueue(chunk);
    },
    cancel: (reason) => void cancelled.push(reason),
  });
  return { stream, cancelled };
}

Deno.test("An idle source is cancelled as soon as the connection ends, and the call settles", async () => {
  for (const first of [[], ["a"], ["abcdefgh"]]) {
    const { run, outgoing, broken } = setUp();
    const { stream, cancelled } = idle(...first);
    const running = assertRejects(() => run(stream), ConnectionError, "gone");
    await new Promise((resolve) => setTimeout(resolve, 0));
    const gone = new ConnectionError("connection-closed", "gone");
    outgoing.fail(gone);
    await running;
    assertEquals(cancelled, [gone]);
    assertEquals(stream.locked, false);
    // The connection has ended already: nothing is left to break.
    assertEquals(broken, []);
  }
});

Deno.test("A stream is abandoned when the peer begins to close, and whole messages can still be sent", async () => {
  const { run, outgoing, socket } = setUp();
  // Not enough for a fragment: whole messages cannot be sent inside a streamed one.
  const { stream, cancelled } = idle("abc");
  const running = assertRejects(() => run(stream), ConnectionError, "closing");
  await new Promise((resolve) => setTimeout(resolve, 0));
  outgoing.stopStreams(new ConnectionError("connection-closed", "closing"));
  await running;
  assertEquals(cancelled.length, 1);
  await outgoing.send("an answer");
  assertEquals(socket.written, ["an answer"]);
  await assertRejects(() => run(idle("x").stream), ConnectionError, "closing");
});

Deno.test("A stream that begins while the peer is closing fails at once, and its source is cancelled", async () => {
  const { run, outgoing } = setUp();
  const closing = new ConnectionError("connection-closed", "closing");
  outgoing.stopStreams(closing);
  const { stream, cancelled } = idle("abc");
  assertEquals(await assertRejects(() => run(stream)), closing);
  assertEquals(cancelled, [closing]);
});

Deno.test("A source that waits for its turn is cancelled when the connection ends, or its signal aborts", async () => {
  for (const end of ["connection", "signal"] as const) {
    const { run, outgoing } = setUp();
    await outgoing.takeTurn();
    const { stream, cancelled } = idle("a");
    const controller = new AbortController();
    const running = assertRejects(
      () => run(stream, { signal: controller.signal }),
      Error,
      "enough",
    );
    const enough = new ConnectionError("connection-closed", "enough");
    if (end === "connection") outgoing.fail(enough);
    else controller.abort(enough);
    await running;
    assertEquals(cancelled, [enough]);
  }
});

Deno.test("An iterator that is abandoned gets a call of return", async () => {
  const { run, outgoing } = setUp();
  let returned = 0;
  const iterable = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<IteratorResult<string>>(() => {}),
      return: () => {
        returned++;
        return Promise.reject(new Error("nobody waits for this"));
      },
    }),
  };
  const running = assertRejects(() => run(iterable), ConnectionError, "gone");
  await new Promise((resolve) => setTimeout(resolve, 0));
  outgoing.fail(new ConnectionError("connection-closed", "gone"));
  await running;
  assertEquals(returned, 1);
});

Deno.test("20,000 short chunks make few fragments, and the source may reuse its memory", async () => {
  const { run, socket } = setUp();
  const chunk = new Uint8Array(3);
  const source = async function* () {
    for (let i = 0; i < 20_000; i++) {
      chunk.fill(i);
      yield chunk;
    }
  };
  await run(source(), { chunkSize: 16_384 });
  const sizes = socket.fragments.map(({ payload }) => payload.length);
  assertEquals(sizes, [16_384, 16_384, 16_384, 60_000 - 3 * 16_384]);
  const bytes = socket.fragments.flatMap(({ payload }) => [...payload]);
  assertEquals(bytes.every((byte, i) => byte === (i / 3 & 255)), true);
});

Deno.test("A chunk whose memory changes before all of it is sent fails the stream, and is never cut short", async () => {
  const changes: ((memory: ArrayBuffer) => void)[] = [
    (memory) => memory.resize(10),
    (memory) => memory.resize(0),
    (memory) => memory.resize(3_000),
    (memory) => void memory.transfer(),
  ];
  for (const change of changes) {
    const { socket, outgoing, broken, run } = setUp();
    const memory = new ArrayBuffer(2_000, { maxByteLength: 3_000 });
    const source = async function* () {
      socket.bufferedAmount = 1_000;
      yield new Uint8Array(memory);
    };
    const running = assertRejects(
      () => run(source(), { chunkSize: 100 }),
      ConfigError,
      "resized or transferred",
    );
    await new Promise((resolve) => setTimeout(resolve, 0));
    change(memory);
    socket.bufferedAmount = 0;
    outgoing.drain();
    await running;
    assertEquals(socket.fragments.some(({ last }) => last), false);
    assertEquals(broken.length, socket.fragments.length === 0 ? 0 : 1);
  }
});

Deno.test("A socket that cannot stream gets the chunks as they were, also those of a Buffer that is used again", async () => {
  const { run, socket } = setUp();
  Object.defineProperty(socket, "writeFragment", { value: undefined });
  const source = async function* () {
    const chunk = Buffer.alloc(10);
    for (let i = 1; i <= 3; i++) yield chunk.fill(i);
  };
  await run(source());
  const expected = Uint8Array.from({ length: 30 }, (_, i) => 1 + i / 10);
  assertEquals(socket.written, [expected]);
});

Deno.test("A stream that is locked by another reader is refused, and not changed", () => {
  const { stream } = idle("a");
  const reader = stream.getReader();
  assertThrows(() => checkStream(stream), ConfigError, "unlocked");
  reader.releaseLock();
  checkStream(stream);
});

Deno.test("What is no stream is refused, also a string, whose characters can be iterated", () => {
  for (const wrong of [undefined, null, 5, "text", {}, () => {}]) {
    assertThrows(() => checkStream(wrong), ConfigError, "iterable");
  }
});
