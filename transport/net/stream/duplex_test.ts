import { assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { systemClock } from "../../base/clock.ts";
import { ConfigError, ConnectionError } from "../../base/errors.ts";
import { DenoStream } from "../deno/deno_stream.ts";
import { openStream } from "../open_stream.ts";
import type { ByteStream } from "./byte_stream.ts";
import { memoryStreams } from "./memory_stream.ts";
import { PullAdapter } from "./pull_stream.ts";
import { utf8 } from "../../_support/bytes.ts";
import { tcpPair } from "../../_support/raw.ts";
import { Duplex } from "./duplex.ts";

/** A duplex over TCP, and the other end. */
async function duplexPair(
  early: string,
): Promise<[Duplex, Deno.TcpConn]> {
  const [near, far] = await tcpPair();
  return [new Duplex(near, utf8(early)), far];
}

/** Reads in pieces of at most `size` bytes until there are `count`. */
async function take(
  duplex: Duplex,
  count: number,
  size: number,
): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(size);
  while (text.length < count) {
    const got = await duplex.read(buffer);
    if (got === null) break;
    text += new TextDecoder().decode(buffer.subarray(0, got));
  }
  return text;
}

for (const size of [1, 3, 100]) {
  Deno.test(`duplex: the first reads of ${size} bytes give the early bytes`, async () => {
    const [duplex, far] = await duplexPair("early");
    await far.write(utf8("later"));
    assertEquals(await take(duplex, 10, size), "earlylater");
    await far.closeWrite();
    assertEquals(await duplex.read(new Uint8Array(size)), null);
    duplex.close();
    duplex.close();
    far.close();
  });
}

Deno.test("duplex: it writes, and ends its own side alone", async () => {
  const [duplex, far] = await duplexPair("");
  assertEquals(await duplex.write(utf8("hello")), 5);
  await duplex.closeWrite();
  assertEquals(await new Response(far.readable).text(), "hello");
  duplex.close();
});

Deno.test("duplex: Web streams of both sides close it when both have ended", async () => {
  const [duplex, far] = await duplexPair("early ");
  const echo = far.readable.pipeTo(far.writable);
  const writer = duplex.writable.getWriter();
  for (const text of ["a", "b".repeat(300_000), "c"]) {
    await writer.write(utf8(text));
  }
  await writer.close();
  const text = await new Response(duplex.readable).text();
  assertEquals(text, `early a${"b".repeat(300_000)}c`);
  // Nothing is left open: the sanitizer would report it.
  await echo;
});

Deno.test("duplex: a reader that cancels, or a writer that aborts, closes it", async () => {
  for (const give of ["cancel", "abort"]) {
    const [duplex, far] = await duplexPair("early");
    if (give === "cancel") await duplex.readable.cancel();
    else await duplex.writable.abort();
    assertEquals(await far.read(new Uint8Array(9)).catch(() => null), null);
    far.close();
  }
});

Deno.test("duplex: a writer that is aborted does not wait for a peer that does not read", async () => {
  for (const kind of ["Deno.Conn", "PullAdapter"]) {
    const [near, far] = await tcpPair();
    const stream = kind === "Deno.Conn"
      ? near
      : new PullAdapter(new DenoStream(near));
    const duplex = new Duplex(stream, new Uint8Array(0));
    const writer = duplex.writable.getWriter();
    const writing = writer.write(new Uint8Array(64 * 1_048_576));
    const failed = assertRejects(() => writing);
    await delay(20);
    await writer.abort(new Error("no more"));
    await failed;
    far.close();
  }
});

Deno.test("duplex: a write that waits settles when it is closed", async () => {
  const duplex = new Duplex({
    read: () => new Promise(() => {}),
    write: () => new Promise(() => {}),
    close: () => {},
  }, new Uint8Array(0));
  const writing = duplex.write(new Uint8Array(1));
  duplex.close();
  const error = await assertRejects(() => writing, ConnectionError);
  assertEquals(error.code, "connection-closed");
});

Deno.test("duplex: calls that the stream refuses fail with an error that has a code", async () => {
  const [stream, peer] = memoryStreams(1);
  using peerDuplex = new Duplex(new PullAdapter(peer), new Uint8Array(0));
  const duplex = new Duplex(new PullAdapter(stream), new Uint8Array(0));
  const codeOf = async (call: () => Promise<unknown>) =>
    (await assertRejects(call, ConnectionError)).code;
  const buffer = new Uint8Array(2);

  const reading = duplex.read(buffer);
  assertEquals(await codeOf(() => duplex.read(buffer)), "invalid-state");
  const writing = duplex.write(buffer);
  assertEquals(await codeOf(() => duplex.write(buffer)), "invalid-state");
  await peerDuplex.read(new Uint8Array(1));
  await peerDuplex.read(new Uint8Array(1));
  await writing;
  await duplex.closeWrite();
  assertEquals(await codeOf(() => duplex.write(buffer)), "connection-closed");

  const ended = codeOf(() => reading);
  duplex.close();
  assertEquals(await ended, "connection-closed");
  assertEquals(await codeOf(() => duplex.read(buffer)), "connection-closed");
});

Deno.test("duplex: no more is read than was asked for", async () => {
  let reads = 0;
  const duplex = new Duplex({
    read(buffer) {
      reads++;
      buffer[0] = 65;
      return Promise.resolve(1);
    },
    write: (bytes) => Promise.resolve(bytes.length),
    close: () => {},
  }, utf8("early"));
  const reader = duplex.readable.getReader();
  await reader.read();
  assertEquals(reads, 0);
  await reader.read();
  assertEquals(reads, 1);
});

Deno.test("duplex: a stream that breaks makes reads and writes reject", async () => {
  const broken = () => Promise.reject(new Error("broken"));
  const duplex = new Duplex(
    { read: broken, write: broken, close: () => {} },
    utf8(""),
  );
  await assertRejects(
    () => duplex.readable.getReader().read(),
    Error,
    "broken",
  );
  const writer = duplex.writable.getWriter();
  await assertRejects(() => writer.write(utf8("x")), Error, "broken");
  await writer.closed.catch(() => {});
});

/** Streams of both kinds, and the other end. */
async function openBoth(): Promise<[ByteStream, Deno.TcpConn][]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = listener.accept();
  const { stream } = await openStream(
    new URL(`ws://127.0.0.1:${listener.addr.port}`),
    {},
    new AbortController().signal,
    systemClock,
  );
  const [near, far] = await tcpPair();
  return [[stream, await accepting], [new DenoStream(near), far]];
}

Deno.test("duplex: a buffer that is transferred or shrinks during a read fails that read, and nothing else", async () => {
  const resizable = { maxByteLength: 65_536 };
  const cases: [memory: ArrayBuffer, change: (memory: ArrayBuffer) => void][] =
    [];
  for (let i = 0; i < 2; i++) {
    cases.push(
      [new ArrayBuffer(65_536), (memory) => void memory.transfer()],
      [new ArrayBuffer(65_536, resizable), (memory) => memory.resize(0)],
    );
  }
  for (const [stream, far] of await openBoth()) {
    const duplex = new Duplex(new PullAdapter(stream), utf8(""));
    for (const [memory, change] of cases.splice(0, 2)) {
      const reading = assertRejects(
        () => duplex.read(new Uint8Array(memory, 0, 65_536)),
        ConnectionError,
        "transferred",
      );
      await delay(1);
      change(memory);
      await far.write(utf8("lost?"));
      await reading;
      // A buffer that is lost before the call.
      const gone = new Uint8Array(1);
      gone.buffer.transfer();
      await assertRejects(() => duplex.read(gone), ConnectionError);
      await far.write(utf8("later"));
      const buffer = new Uint8Array(20);
      let text = "";
      while (!text.endsWith("later")) {
        const count = await duplex.read(buffer);
        text += new TextDecoder().decode(buffer.subarray(0, count ?? 0));
      }
      // Deno.Conn reads straight into a buffer that cannot be resized.
      const isDirect = stream instanceof DenoStream && !memory.resizable;
      assertEquals(text, isDirect ? "later" : "lost?later");
    }
    duplex.close();
    far.close();
  }
});

Deno.test("duplex: what is no Uint8Array, or has lost its memory, is refused and not ignored", async () => {
  for (const [stream, far] of await openBoth()) {
    const duplex = new Duplex(new PullAdapter(stream), utf8(""));
    for (const wrong of [new ArrayBuffer(3), new Float64Array(3), "abc", 5]) {
      const write = () => Reflect.apply(duplex.write, duplex, [wrong]);
      await assertRejects(write, ConfigError, "Uint8Array");
    }
    const gone = new Uint8Array(3);
    gone.buffer.transfer();
    await assertRejects(() => duplex.write(gone), ConnectionError, "write");
    const writer: WritableStreamDefaultWriter<unknown> = duplex.writable
      .getWriter();
    const closed = writer.closed.catch(() => {});
    await assertRejects(
      () => writer.write(new ArrayBuffer(3)),
      ConfigError,
      "Uint8Array",
    );
    await closed;
    duplex.close();
    far.close();
  }
});

Deno.test("duplex: memory that changes during a write fails that write", async () => {
  const memory = new ArrayBuffer(10, { maxByteLength: 10 });
  const duplex = new Duplex({
    read: () => Promise.resolve(null),
    write() {
      memory.resize(5);
      return Promise.resolve(5);
    },
    close: () => {},
  }, utf8(""));
  const writer = duplex.writable.getWriter();
  const closed = writer.closed.catch(() => {});
  await assertRejects(
    () => writer.write(new Uint8Array(memory)),
    ConnectionError,
    "resized",
  );
  await closed;
});
