import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async";
import { settled } from "../transport/net/_support/settled.ts";
import { RecordingReader } from "../testing/mod.ts";
import { Duplex } from "node:stream";
import {
  dialRaw,
  listen,
  NodeStream,
  RawSocket,
  type Socket,
} from "../transport/mod.ts";
import { UNIX_PATH } from "../transport/_support/unix_path.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Answers with what it got. Transfers the memory of "steal", which belongs to the socket. */
class StealingReader extends RecordingReader {
  constructor(readonly socket: Socket) {
    super();
  }

  override message(data: string | Uint8Array): boolean {
    const text = typeof data === "string"
      ? data
      : new TextDecoder().decode(data);
    if (text !== "steal") this.socket.write(text);
    else if (typeof data !== "string" && data.buffer instanceof ArrayBuffer) {
      data.buffer.transfer();
    }
    return true;
  }
}

Deno.test("a reader that transfers the memory of a lent message harms no other connection", async () => {
  await using listener = listen({ hostname: "127.0.0.1", binary: "borrow" });
  await listener.ready;
  const { addr } = listener;
  const port = addr.transport === "tcp" ? addr.port : 0;
  const serving = (async () => {
    for await (const incoming of listener) {
      const socket = await incoming.accept();
      socket.start(new StealingReader(socket));
    }
  })();
  const dial = async () => {
    const socket = await dialRaw(`ws://127.0.0.1:${port}`, {
      signal: AbortSignal.timeout(5_000),
      binary: "borrow",
    });
    const reader = new RecordingReader();
    socket.start(reader);
    return { socket, reader };
  };
  const [thief, neighbour] = [await dial(), await dial()];
  for (const { socket, reader } of [thief, neighbour]) {
    socket.write(utf8("before"));
    assertEquals(await reader.take(), "before");
  }
  thief.socket.write(utf8("steal"));
  const late = await dial();
  for (const { socket, reader } of [thief, neighbour, late]) {
    socket.write(utf8("after"));
    assertEquals(await reader.take(), "after");
    socket.close(1000);
    await socket.closed;
  }
  await listener.close();
  await serving;
});

Deno.test("a reader that feeds another connection with a lent message finds it unchanged, as do the messages behind it", async () => {
  const open = (reader: RecordingReader) => {
    const duplex = new Duplex({ read() {}, write: (_, __, done) => done() });
    const socket = new RawSocket(new NodeStream(duplex), {
      role: "client",
      url: "ws://tunnel.test",
      binary: "borrow",
    });
    socket.start(reader);
    return { duplex, socket };
  };
  const text = (data: string | Uint8Array) =>
    typeof data === "string" ? data : new TextDecoder().decode(data);
  const seen: string[] = [];
  const inner = open(
    new class extends RecordingReader {
      override message(data: string | Uint8Array) {
        seen.push(`inner ${text(data)}`);
        return true;
      }
    }(),
  );
  const outer = open(
    new class extends RecordingReader {
      override message(data: string | Uint8Array) {
        if (typeof data !== "string") {
          const before = [...data];
          inner.duplex.push(data);
          assertEquals([...data], before);
        }
        seen.push("outer");
        return true;
      }
    }(),
  );
  await settled(() =>
    assert(inner.duplex.readableFlowing && outer.duplex.readableFlowing)
  );
  // Frames of the server of the inner connection, each in a frame of that of the outer one.
  outer.duplex.push(
    new Uint8Array([
      ...[0x82, 8, 0x82, 1, 0x61, 0x82, 1, 0x62, 0x82, 1],
      ...[0x82, 4, 0x63, 0x82, 1, 0x64],
      ...[0x82, 0],
    ]),
  );
  await settled(() => assertEquals(seen.at(-2), "outer"));
  assertEquals(seen, [
    ...["inner a", "inner b", "outer"],
    ...["inner c", "inner d", "outer", "outer"],
  ]);
  for (const { socket } of [inner, outer]) socket.terminate();
});

for (const kind of ["TCP", "a Unix socket"] as const) {
  Deno.test(`views over ${kind}: a consumer that transfers each message gets all later ones, unchanged`, async () => {
    const isUnix = kind !== "TCP";
    await using listener = listen({
      ...(isUnix ? { path: UNIX_PATH } : { hostname: "127.0.0.1" }),
      binary: "view",
    });
    await listener.ready;
    const { addr } = listener;
    const accepting = listener[Symbol.asyncIterator]().next();
    const dialling = dialRaw(
      addr.transport === "tcp"
        ? `ws://127.0.0.1:${addr.port}`
        : "ws://localhost",
      { binary: "view", ...(isUnix && { unix: UNIX_PATH }) },
    );
    const incoming = await accepting;
    assert(!incoming.done);
    const server = await incoming.value.accept();
    const client = await dialling;
    const kept: { bytes: Uint8Array; fill: number }[] = [];
    for (const [from, to] of [[client, server], [server, client]] as const) {
      const reader = new RecordingReader();
      to.start(reader);
      for (let i = 0; i < 60; i++) {
        const size = [20, 300, 2_000, 9_000, 70_000, 5][i % 6] ?? 0;
        from.write(new Uint8Array(size).fill(i + 1));
        const message = await reader.take();
        assert(typeof message !== "string" && message !== undefined);
        assertEquals(message, new Uint8Array(size).fill(i + 1));
        // The next read is waiting by then.
        await delay(1);
        const { buffer, byteOffset, length } = message;
        assert(buffer instanceof ArrayBuffer);
        kept.push({
          bytes: new Uint8Array(buffer.transfer(), byteOffset, length),
          fill: i + 1,
        });
      }
    }
    for (const { bytes, fill } of kept) {
      assert(bytes.every((byte) => byte === fill));
    }
    client.terminate();
    server.terminate();
    await listener.close();
  });
}
