import { Buffer } from "node:buffer";
import { assertEquals, assertThrows } from "@std/assert";
import { memoryStreams } from "./memory_stream.ts";
import type { ByteStreamHandler } from "./byte_stream.ts";

/** Notes every call. */
function recorder(log: string[]): ByteStreamHandler {
  return {
    data: (bytes) => void log.push(`data ${[...bytes].join(" ")}`),
    end: () => void log.push("end"),
    drain: () => void log.push("drain"),
    writeError: ({ message }) => void log.push(`writeError ${message}`),
    error: ({ message }) => void log.push(`error ${message}`),
  };
}

function setUp(capacity?: number) {
  const [a, b] = memoryStreams(capacity);
  const logA: string[] = [];
  const logB: string[] = [];
  a.attach(recorder(logA));
  b.attach(recorder(logB));
  return { a, b, logA, logB };
}

const soon = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

Deno.test("what arrives is a copy, also of a Buffer", async () => {
  const { a, b, logB } = setUp();
  b.pause();
  const bytes = Buffer.from([1, 2, 3]);
  a.write(bytes);
  bytes.fill(0);
  b.resume();
  await soon();
  assertEquals(logB, ["data 1 2 3"]);
});

Deno.test("a write is complete when the reader has space for all of it", async () => {
  const { a, b, logA, logB } = setUp(4);
  a.write(new Uint8Array([1, 2, 3, 4, 5, 6]));
  await soon();
  assertEquals([a.writing, logA, logB], [true, [], []]);
  assertThrows(() => a.write(new Uint8Array(1)), Error, "under way");
  b.resume();
  await soon();
  assertEquals([a.writing, logA], [false, ["drain"]]);
  assertEquals(logB, ["data 1 2 3 4", "data 5 6"]);
  assertEquals(a.write(new Uint8Array([7])), true);
  await soon();
  assertEquals([a.writing, logA], [false, ["drain"]]);
});

Deno.test("end comes after all data, and only while reading", async () => {
  const { a, b, logB } = setUp();
  a.write(new Uint8Array([1]));
  a.end();
  assertEquals(a.writable, false);
  b.resume();
  b.pause();
  await soon();
  assertEquals(logB, []);
  b.resume();
  await soon();
  assertEquals(logB, ["data 1", "end"]);
});

Deno.test("a handler that pauses gets no more", async () => {
  const [a, b] = memoryStreams();
  const log: string[] = [];
  b.attach({
    ...recorder(log),
    data(bytes) {
      log.push(`data ${bytes[0]}`);
      b.pause();
    },
  });
  b.resume();
  a.write(new Uint8Array([1]));
  a.write(new Uint8Array([2]));
  await soon();
  assertEquals(log, ["data 1"]);
  b.resume();
  await soon();
  assertEquals(log, ["data 1", "data 2"]);
});

Deno.test("a broken write leaves the reading side alone", async () => {
  const { a, b, logA } = setUp();
  a.breakWriting(new Error("Broken pipe"));
  a.write(new Uint8Array([1]));
  b.write(new Uint8Array([2]));
  a.resume();
  await soon();
  assertEquals(logA, ["writeError Broken pipe", "data 2"]);
  assertEquals(a.writable, false);
});

Deno.test("a destroyed stream reports nothing more, and the peer reads the earlier bytes", async () => {
  const { a, b, logA, logB } = setUp();
  a.write(new Uint8Array([1]));
  a.destroy();
  b.resume();
  await soon();
  b.write(new Uint8Array([2]));
  await soon();
  assertEquals(logA, []);
  assertEquals(logB, ["data 1", "end", "writeError Broken pipe."]);
});

Deno.test("a failure is the last thing that is reported", async () => {
  const { a, b, logA } = setUp();
  b.write(new Uint8Array([1]));
  a.fail(new Error("Connection reset"));
  a.resume();
  await soon();
  assertEquals(logA, ["error Connection reset"]);
  assertEquals(a.destroyed, true);
});
