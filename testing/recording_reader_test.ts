import { assertEquals, assertRejects } from "@std/assert";
import { RecordingReader } from "./recording_reader.ts";
import { socketEnd } from "./socket_end.ts";

Deno.test("a recording reader gives messages one by one, and ends with the socket", async () => {
  const reader = new RecordingReader();
  assertEquals(reader.message("a", 1, 10), true);
  reader.message("b", 1, 20);
  assertEquals([reader.messages, reader.times], [["a", "b"], [10, 20]]);
  assertEquals(await reader.take(), "a");
  reader.end(socketEnd({ code: 1000 }));
  assertEquals(await reader.take(), "b");
  assertEquals(await reader.take(), undefined);
});

Deno.test("a recording reader with a capacity pauses reading", async () => {
  const reader = new RecordingReader({ capacity: 2 });
  assertEquals(reader.message("a", 1, 0), true);
  assertEquals(reader.message("b", 1, 0), false);
  await reader.take();
  assertEquals(reader.message("c", 1, 0), false);
  assertEquals(reader.messages.length, 3);
});

Deno.test("a take that is cancelled loses nothing", async () => {
  const reader = new RecordingReader();
  const cancel = new AbortController();
  const taken = reader.take({ signal: cancel.signal });
  cancel.abort(new Error("enough"));
  await assertRejects(() => taken, Error, "enough");
  reader.message("a", 1, 0);
  assertEquals(await reader.take(), "a");
});
