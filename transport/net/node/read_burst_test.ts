import { assert, assertEquals, assertGreater } from "@std/assert";
import { Duplex } from "node:stream";
import { pattern, StreamEnd } from "../_support/stream_end.ts";
import { NodeStream } from "./node_stream.ts";

const MIB = 1_048_576;
const READ = 65_536;

interface Source {
  readonly end: StreamEnd;
  /** Emits the next bytes at once. */
  emit(size: number): void;
  readonly emitted: number;
  readonly duplex: Duplex;
}

/** Streams whose duplexes emit data when they are told to. */
async function sources(length: number): Promise<readonly Source[]> {
  const all = Array.from({ length }, source);
  // New streams report what happened before.
  await undefined;
  return all;
}

function source(): Source {
  const duplex = new Duplex({ read() {}, write() {} });
  const end = new StreamEnd(new NodeStream(duplex));
  end.resume();
  let emitted = 0;
  return {
    end,
    duplex,
    emit(size) {
      duplex.emit("data", pattern(emitted, size));
      emitted += size;
    },
    get emitted() {
      return emitted;
    },
  };
}

/** Reads of many streams, all before a microtask, twice. */
function burst(streams: readonly Source[]): void {
  for (let i = 0; i < 2; i++) {
    for (const { emit } of streams) {
      emit(READ);
      // It is small, but must not overtake.
      emit(3);
    }
  }
}

Deno.test("consumers run between the reads of a burst", async () => {
  const all = await sources(30);
  let alive = 0;
  let most = 0;
  for (const { end } of all) {
    end.onData = async ({ length }) => {
      alive += length;
      most = Math.max(most, alive);
      // A loop over an inbox needs some microtasks for each message.
      for (let i = 0; i < 200; i++) await undefined;
      alive -= length;
    };
  }
  burst(all);
  assertGreater(alive, MIB / 2);
  for (const { end, emitted } of all) {
    await end.until(() => end.received === emitted);
    assertEquals(end.wrong, []);
    end.stream.destroy();
  }
  // Reads that wait for one stream are delivered together, and small reads are not counted.
  assert(most <= MIB + 3 * READ, `${most} bytes were alive`);
});

Deno.test("the end and an error come behind the data of a burst", async () => {
  const all = await sources(40);
  burst(all);
  for (const [i, { duplex }] of all.entries()) {
    if (i % 2 === 0) duplex.push(null);
    else duplex.destroy(new Error("broken"));
  }
  for (const [i, { end, emitted }] of all.entries()) {
    await end.until(() => end.has(i % 2 === 0 ? "end" : "error"));
    assertEquals([end.received, end.wrong], [emitted, []]);
    end.stream.destroy();
  }
});

Deno.test("a pause and a cut hold what waits of a burst", async () => {
  const all = await sources(40);
  burst(all);
  const late = all.filter(({ end, emitted }) => end.received < emitted);
  assertGreater(late.length, 20);
  const received = late.map(({ end }) => end.received);
  for (const { end } of all) end.pause();
  for (const { end } of late.slice(10)) end.stream.destroy();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(late.map(({ end }) => end.received), received);
  for (const { end, emitted } of late.slice(0, 10)) {
    end.resume();
    await end.until(() => end.received === emitted);
  }
  for (const { end } of all) {
    assertEquals(end.wrong, []);
    end.stream.destroy();
  }
});

Deno.test("a burst is delivered at once to handlers that do not want it divided", async () => {
  const all = await sources(40);
  for (const { end } of all) end.burstsAreDivided = false;
  burst(all);
  for (const { end, emitted } of all) {
    assertEquals([end.received, end.wrong], [emitted, []]);
    end.stream.destroy();
  }
});
