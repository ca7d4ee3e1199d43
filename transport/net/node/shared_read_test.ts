import { assert, assertEquals } from "@std/assert";
import { once } from "node:events";
import * as net from "node:net";
import { pattern, StreamEnd } from "../_support/stream_end.ts";
import { NodeStream } from "./node_stream.ts";
import {
  canShareReads,
  readingBy,
  SharedRead,
  sharedReadOf,
  withSharedRead,
} from "./shared_read.ts";

const HOST = "127.0.0.1";

/** Resolves a name to an address at which nobody listens, and to {@link HOST}. */
const lookup: net.LookupFunction = (_name, _options, done) =>
  done(null, [
    { address: "::1", family: 6 },
    { address: HOST, family: 4 },
  ]);

Deno.test("a socket whose first address fails reads from the next one", async () => {
  const length = 200_000;
  const server = net.createServer((peer) => peer.end(pattern(0, length)));
  server.listen(0, HOST);
  await once(server, "listening");
  const address = server.address();
  assert(address !== null && typeof address === "object");
  const shared = new SharedRead();
  const socket = net.connect({
    host: "localhost",
    port: address.port,
    lookup,
    autoSelectFamily: true,
    ...readingBy(shared),
  });
  const stream = new NodeStream(socket, shared);
  await once(socket, "connect");
  const end = new StreamEnd(stream);
  end.resume();
  await end.until(() => end.has("end"));
  assertEquals([end.received, end.wrong], [length, []]);
  stream.destroy();
  server.close();
  await once(server, "close");
});

Deno.test("an accepted socket reads into shared memory, and its server notices that it has closed", async () => {
  const length = 200_000;
  const accepted = Promise.withResolvers<net.Socket>();
  const server = net.createServer(
    { allowHalfOpen: true, pauseOnConnect: true },
    accepted.resolve,
  );
  server.listen(0, HOST);
  await once(server, "listening");
  const address = server.address();
  assert(address !== null && typeof address === "object");
  const client = net.connect({ host: HOST, port: address.port });
  client.end(pattern(0, length));
  const before = await accepted.promise;
  const socket = withSharedRead(before);
  const shared = sharedReadOf(socket);
  assertEquals(shared !== undefined, canShareReads);
  assertEquals(socket === before, !canShareReads);
  const stream = new NodeStream(socket, shared);
  const end = new StreamEnd(stream);
  end.resume();
  await end.until(() => end.has("end"));
  assertEquals([end.received, end.wrong], [length, []]);
  const answer = once(client, "data");
  stream.write(new Uint8Array([1, 2, 3]));
  assertEquals(new Uint8Array((await answer)[0]), new Uint8Array([1, 2, 3]));
  stream.destroy();
  await once(client, "close");
  server.close();
  await once(server, "close");
});
