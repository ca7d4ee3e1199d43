import { assertEquals } from "@std/assert";
import { runInNewContext } from "node:vm";
import { RecordingReader } from "../../../testing/recording_reader.ts";
import { socketPair } from "../../../testing/socket_pair.ts";
import { Connection } from "../connection.ts";

Deno.test("Bytes of another realm are messages, and chunks of a stream", async () => {
  for (const size of [3, 100_000]) {
    const { client, server } = socketPair();
    const reader = new RecordingReader();
    server.start(reader);
    const connection = new Connection(client);
    const bytes: Uint8Array = runInNewContext(
      `new Uint8Array(${size}).fill(7)`,
    );
    await connection.send(bytes);
    connection.trySend(bytes);
    await connection.sendStream(ReadableStream.from([bytes]));
    await connection.writable.getWriter().write(bytes);
    await connection.close();
    const expected = new Uint8Array(size).fill(7);
    assertEquals(reader.messages, [expected, expected, expected, expected]);
  }
});
