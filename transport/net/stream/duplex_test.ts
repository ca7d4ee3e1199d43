import { assertEquals, assertRejects } from "@std/assert";
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
