import { assertEquals } from "@std/assert";
import { RecordingReader } from "../testing/mod.ts";
import { dialRaw, listen, type Socket } from "../transport/mod.ts";

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
