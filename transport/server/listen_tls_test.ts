import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { connect } from "node:net";
import {
  CA,
  CLIENT_CERT,
  CLIENT_KEY,
  OTHER_CA,
  SERVER_CERT,
  SERVER_KEY,
} from "../_support/certificates.ts";
import { ConfigError } from "../base/errors.ts";
import { dialRaw } from "../client/dial_raw.ts";
import { HandshakeError } from "../handshake/errors.ts";
import {
  ask,
  assertAccepts,
  assertConnected,
  HOST,
  listenHere,
  next,
  readAll,
  refusals,
  request,
  TLS,
} from "./_support/listening.ts";

Deno.test("TLS: sockets are secure, and know their peer", async () => {
  await using server = listenHere({ tls: TLS });
  await server.listener.ready;
  const dialled = dialRaw(server.url, { caCerts: [CA] });
  const incoming = await next(server.incoming);
  assert(incoming.request.url.startsWith("https://"));
  assertEquals(incoming.remoteAddr?.transport, "tcp");
  const socket = incoming.accept();
  const client = await dialled;
  assert(socket.url.startsWith("wss://"));
  await assertConnected(client, socket);
});

Deno.test("TLS: garbage and silence disturb nobody, and are cut", async () => {
  await using server = listenHere({ tls: TLS, handshakeTimeout: 50 });
  await server.listener.ready;
  await ask(server.port, request());
  const garbage = server.listener.errors.shift();
  assertInstanceOf(garbage?.error, HandshakeError);
  assertEquals(garbage.error.code, "connection-lost");
  assertEquals(
    garbage.error.message,
    "Cannot accept the peer: the TLS handshake failed: the peer does not speak TLS.",
  );
  assertInstanceOf(garbage.error.cause, Error);
  using silent = await Deno.connect({ hostname: HOST, port: server.port });
  assertEquals(await readAll(silent), "");
  assertEquals(refusals(server.listener), ["timeout"]);
  await assertAccepts(server, { caCerts: [CA] });
});

for (const hello of [[], [0x16, 3, 1, 2, 0, 1, 0]]) {
  for (const way of ["resets", "ends"]) {
    Deno.test(`TLS: a client that ${way} the connection after ${hello.length} bytes of the handshake is let go and reported`, async () => {
      await using server = listenHere({ tls: TLS, handshakeTimeout: 60_000 });
      await server.listener.ready;
      const { port } = server;
      const clients = 10;
      await Promise.all(
        Array.from({ length: clients }, () =>
          new Promise<void>((resolve) => {
            const socket = connect({ host: HOST, port });
            socket.on("close", () => resolve());
            socket.on("connect", () => {
              socket.write(Uint8Array.from(hello), () => {
                if (way === "resets") socket.resetAndDestroy();
                else socket.destroy();
              });
            });
          })),
      );
      const signal = AbortSignal.timeout(20_000);
      for (let i = 0; i < clients; i++) {
        const failure = await server.listener.errors.take({ signal });
        assertInstanceOf(failure?.error, HandshakeError);
        assertEquals(failure.error.code, "connection-lost");
      }
    });
  }
}

Deno.test("TLS: more handshakes than maxPending are cut, and all when it closes", async () => {
  const server = listenHere({ tls: TLS, maxPending: 1 });
  await server.listener.ready;
  const connect = () => Deno.connect({ hostname: HOST, port: server.port });
  using one = await connect();
  using two = await connect();
  assertEquals(await readAll(two), "");
  assertEquals(refusals(server.listener), ["aborted"]);
  await server.listener.close();
  assertEquals(await readAll(one), "");
});

Deno.test("TLS: a client without the required certificate is not accepted", async () => {
  await using server = listenHere({ tls: { ...TLS, caCerts: [CA] } });
  await server.listener.ready;
  await assertRejects(() => dialRaw(server.url, { caCerts: [CA] }));
  const dialled = dialRaw(server.url, {
    caCerts: [CA],
    cert: CLIENT_CERT,
    key: CLIENT_KEY,
  });
  const socket = (await next(server.incoming)).accept();
  const client = await dialled;
  assertEquals(client.remoteAddr, {
    transport: "tcp",
    hostname: HOST,
    port: server.port,
  });
  await assertConnected(client, socket);
});

Deno.test("TLS: keys and certificates may stand in one file, with other texts, and authorities in a bundle", async () => {
  const noted = `Bag Attributes\r\n    friendlyName: test\r\n`;
  const cert = SERVER_KEY + noted + SERVER_CERT.replaceAll("\n", "\r\n");
  const caCerts = [OTHER_CA + noted + CA];
  await using server = listenHere({ tls: { cert, key: cert, caCerts } });
  await server.listener.ready;
  const own = CLIENT_KEY + CLIENT_CERT;
  const dialled = dialRaw(server.url, { caCerts, cert: own, key: own });
  const socket = (await next(server.incoming)).accept();
  await assertConnected(await dialled, socket);
});

Deno.test("TLS: a client whose certificate is refused is reported", async () => {
  await using server = listenHere({ tls: { ...TLS, caCerts: [OTHER_CA] } });
  await server.listener.ready;
  const own = { caCerts: [CA], cert: CLIENT_CERT, key: CLIENT_KEY };
  await assertRejects(() => dialRaw(server.url, own));
  const refused = await server.listener.errors.take();
  assertStringIncludes(`${refused?.error}`, "certificate");
});

Deno.test("TLS: a certificate of another authority ends the dial for good", async () => {
  const { isRetryable } = await import("../client/retryable.ts");
  await using server = listenHere({ tls: TLS });
  await server.listener.ready;
  for (const more of [{}, { cert: CLIENT_CERT, key: CLIENT_KEY }]) {
    const error = await assertRejects(() =>
      dialRaw(server.url, { caCerts: [OTHER_CA], ...more })
    );
    assertEquals(isRetryable(error), false, `${error}`);
  }
});

Deno.test("TLS: the certificate can be replaced, and open connections stay", async () => {
  await using server = listenHere({ tls: TLS });
  await server.listener.ready;
  const dial = () => dialRaw(server.url, { caCerts: [CA] });
  const first = dial();
  const socket = (await next(server.incoming)).accept();
  const client = await first;
  // One that is made for clients, which no client accepts of a server.
  server.listener.setTls({ cert: CLIENT_CERT, key: CLIENT_KEY });
  await assertRejects(dial);
  server.listener.setTls(TLS);
  await assertAccepts(server, { caCerts: [CA] });
  await assertConnected(client, socket);
});

Deno.test("TLS: a certificate that cannot be used leaves the one before", async () => {
  await using server = listenHere({ tls: TLS });
  await server.listener.ready;
  for (
    const [certificate, field] of [
      [{ cert: "nonsense", key: TLS.key }, "cert"],
      [{ cert: SERVER_CERT, key: CLIENT_KEY }, "key"],
      [{ ...TLS, caCerts: [CA] }, "caCerts"],
      [undefined, "certificate"],
    ] as const
  ) {
    const error = assertThrows(
      () =>
        Reflect.apply(server.listener.setTls, server.listener, [certificate]),
      ConfigError,
    );
    assertEquals(error.field, field);
    assert(!error.message.includes("PRIVATE KEY"), error.message);
  }
  await assertAccepts(server, { caCerts: [CA] });
});

Deno.test("TLS: a listener without TLS takes no certificate", async () => {
  await using server = listenHere();
  const error = assertThrows(() => server.listener.setTls(TLS), ConfigError);
  assertEquals([error.code, error.field], ["unsupported", "tls"]);
});
