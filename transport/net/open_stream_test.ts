import { assert, assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import type * as net from "node:net";
import * as tls from "node:tls";
import { CA, SERVER_CERT, SERVER_KEY } from "../_support/certificates.ts";
import {
  abortEverywhere,
  CountingServer,
  opening,
  OPENINGS,
} from "./_support/openings.ts";
import { settled } from "./_support/settled.ts";

const HOST = "127.0.0.1";

for (const opening of OPENINGS) {
  // Unix sockets are in tests/suites/streams_test.ts.
  if (opening.path !== undefined) continue;
  Deno.test(`an opening that is aborted leaves nothing open, at whatever moment: ${opening.name}`, () =>
    abortEverywhere(opening));
}

Deno.test("an opening that fails leaves nothing open", async () => {
  const { signal } = new AbortController();
  // A server without TLS, one with an unknown certificate, and one with another name.
  await using plainServer = new CountingServer(
    false,
    "HTTP/1.1 400 Bad Request\r\n\r\n",
  );
  await using tlsServer = new CountingServer(true);
  for (const { server } of [plainServer, tlsServer]) {
    server.listen(0, HOST);
    await once(server, "listening");
  }
  await assertRejects(() =>
    opening(`wss://${HOST}:PORT`, {})(plainServer.port, signal)
  );
  await assertRejects(() =>
    opening(`wss://${HOST}:PORT`, {})(tlsServer.port, signal)
  );
  const unreadable = [
    { cert: "no certificate", key: SERVER_KEY },
    { cert: SERVER_CERT, key: "no key" },
  ];
  for (const options of unreadable) {
    await assertRejects(() =>
      opening(`wss://${HOST}:PORT`, options)(plainServer.port, signal)
    );
  }
  await settled(() => {
    assertEquals([plainServer.open, tlsServer.open], [0, 0]);
    assertEquals([plainServer.seen, tlsServer.seen], [3, 1]);
  });
});

Deno.test("a TLS server that leaves without a close_notify looks like the end of the stream", async () => {
  const belows: net.Socket[] = [];
  const server = tls.createServer({ cert: SERVER_CERT, key: SERVER_KEY });
  server.on("connection", (socket) => belows.push(socket));
  server.listen(0, HOST);
  await once(server, "listening");
  const secured = once(server, "secureConnection");
  const address = server.address();
  assert(address !== null && typeof address === "object");
  const { stream } = await opening(`wss://${HOST}:PORT`, { caCerts: [CA] })(
    address.port,
    new AbortController().signal,
  );
  await secured;
  const { promise, resolve } = Promise.withResolvers<string>();
  stream.attach({
    data() {},
    end: () => resolve("end"),
    drain() {},
    writeError() {},
    error: (error) => resolve(`error: ${error.message}`),
  });
  stream.resume();
  // Ends TCP below the TLS session.
  for (const below of belows) below.end();
  assertEquals(await promise, "end");
  stream.destroy();
  for (const below of belows) below.destroy();
  server.close();
  await new Promise((resolve) => setTimeout(resolve, 10));
});
