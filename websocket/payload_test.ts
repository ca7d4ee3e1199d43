import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import { runInNewContext } from "node:vm";
import { fromMessage, toPayload } from "./payload.ts";

Deno.test("A message that has a buffer of its own is handed over without a copy", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  assert(fromMessage(bytes, "arraybuffer") === bytes.buffer);
});

Deno.test("A message that shares its buffer is copied out of it", () => {
  const shared = Uint8Array.of(1, 2, 3, 4);
  const data = fromMessage(shared.subarray(1, 3), "arraybuffer");
  assertInstanceOf(data, ArrayBuffer);
  assertEquals(new Uint8Array(data), Uint8Array.of(2, 3));
});

Deno.test("A message is a Blob of its bytes alone, or a string", async () => {
  const blob = fromMessage(Uint8Array.of(1, 2, 3).subarray(1), "blob");
  assertInstanceOf(blob, Blob);
  assertEquals(new Uint8Array(await blob.arrayBuffer()), Uint8Array.of(2, 3));
  assertEquals(fromMessage("text", "blob"), "text");
});

Deno.test("What is sent is a view of the bytes that were given", () => {
  const buffer = new ArrayBuffer(8);
  const view = toPayload(new DataView(buffer, 2, 3));
  assertInstanceOf(view, Uint8Array);
  assert(view.buffer === buffer);
  assertEquals([view.byteOffset, view.byteLength], [2, 3]);
  const blob = new Blob([]);
  assert(toPayload(blob) === blob);
  assertEquals(toPayload([1, 2]), "1,2");
  assertEquals(toPayload(null), "null");
});

Deno.test("Bytes of another realm are sent as bytes", () => {
  for (
    const source of [
      "bytes.buffer",
      "bytes",
      "new DataView(bytes.buffer)",
      "new Uint16Array(bytes.buffer)",
      "new Uint8Array(new SharedArrayBuffer(2)).fill(7)",
      "new Uint8Array(new SharedArrayBuffer(2)).fill(7).buffer",
    ]
  ) {
    const data = runInNewContext(
      `const bytes = new Uint8Array(2).fill(7); ${source}`,
    );
    const payload = toPayload(data);
    assertInstanceOf(payload, Uint8Array, source);
    assertEquals([...payload], [7, 7]);
  }
});

Deno.test("Bytes whose memory is gone are a TypeError", () => {
  const transferred = new ArrayBuffer(4);
  const lost: unknown[] = [
    transferred,
    new Uint16Array(transferred),
    new DataView(transferred),
  ];
  transferred.transfer();
  const resized = new ArrayBuffer(4, { maxByteLength: 4 });
  lost.push(new Uint16Array(resized, 2), new DataView(resized, 2, 2));
  resized.resize(1);
  lost.push(new Uint8Array(resized, 1));
  resized.resize(0);
  for (const data of lost) {
    assertThrows(() => toPayload(data), TypeError);
  }
  // The length of such an array is 0, so only the library can tell.
  const array = lost.at(-1);
  assertThrows(() => toPayload(array), TypeError, "its content is lost");
  const empty = [
    new ArrayBuffer(0),
    new Uint16Array(0),
    new Uint8Array(resized),
  ];
  for (const data of empty) {
    assertEquals(toPayload(data), new Uint8Array(0));
  }
});

Deno.test("A symbol has no text, and is a TypeError", () => {
  assertThrows(() => toPayload(Symbol("text")), TypeError);
});
