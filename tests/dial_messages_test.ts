/** The messages of dials that failed: one sentence, which names the target once and says why in words. */
import { assertEquals, assertRejects } from "@std/assert";
import {
  Connection,
  type ConnectionOptions,
  dialNative,
  listen,
  OutboundPool,
} from "../mod.ts";
import { SERVER_CERT, SERVER_KEY } from "../transport/_support/certificates.ts";
import { HOST, saying, serve } from "../transport/client/_support/answering.ts";
import { connectFailure } from "../transport/socket/native_failure.ts";
import { UNIX_PATH } from "../transport/_support/unix_path.ts";

/** Returns the messages of a connection, of the error of a pool, and of a call that waits for a peer of the pool. */
async function messages(
  url: string,
  options: ConnectionOptions,
): Promise<string[]> {
  const connection = new Connection(url, { ...options, retry: false });
  const dialled = await assertRejects(() => connection.connect(), Error);
  await connection.close();
  const { dialer, headers, ...others } = options;
  await using pool = new OutboundPool("pool", {
    dialer,
    headers,
    connection: others,
    shouldReconnect: () => "stop",
  });
  const id = pool.connect(url, { connection: { retry: false } });
  const waited = await assertRejects(() => pool.whenConnected(id), Error);
  return [dialled.message, waited.message];
}

async function check(
  url: string,
  options: ConnectionOptions,
  reason: string,
): Promise<void> {
  const named = url.replace(/\?.*/, "");
  assertEquals(await messages(url, options), [
    `Cannot connect to ${named}: ${reason}`,
    `Cannot connect to the peer ${named}: it is no longer dialled, since ${reason} Call reconnect() to dial it again.`,
  ]);
}

for (
  const [what, url, options, reason] of [
    [
      "a host that refuses",
      `ws://${HOST}:1/path?secret=1`,
      {},
      "the connection was refused (ECONNREFUSED).",
    ],
    // A label must not begin with a hyphen, so the system asks no name server.
    [
      "a name that does not exist",
      "ws://-nowhere.invalid",
      {},
      "the host name was not found (ENOTFOUND).",
    ],
    [
      "a name that does not exist, with TLS",
      "wss://-nowhere.invalid",
      {},
      "the host name was not found (ENOTFOUND).",
    ],
    [
      "a Unix socket that does not exist",
      "ws://local/path",
      { unix: UNIX_PATH },
      `the Unix socket ${UNIX_PATH} cannot be reached: there is no such file (ENOENT).`,
    ],
    [
      "a proxy that refuses",
      "ws://-nowhere.invalid",
      { proxy: `http://user:secret@${HOST}:1` },
      `the proxy ${HOST}:1 cannot be reached: the connection was refused (ECONNREFUSED).`,
    ],
    [
      "a dialer that throws",
      "ws://-nowhere.invalid",
      { dialer: () => Promise.reject(new Error("no luck")) },
      "no luck.",
    ],
    [
      "a dialer that never settles",
      "ws://-nowhere.invalid",
      { dialer: () => new Promise<never>(() => {}), handshakeTimeout: 20 },
      "the handshake took longer than handshakeTimeout (20 ms).",
    ],
  ] as const
) {
  Deno.test(`the message for ${what} names the target once`, async () => {
    await check(url, options, reason);
  });
}

const NO_BODY = "content-length: 0\r\n\r\n";
for (
  const [what, answer, reason, fromProxy] of [
    [
      "a status",
      `HTTP/1.1 404 Not Found\r\n${NO_BODY}`,
      "the server answered 404 Not Found instead of 101.",
      "answered 404 Not Found.",
    ],
    [
      "nothing",
      "",
      "the connection was closed before a response arrived.",
      "failed: the connection was closed before a response arrived.",
    ],
    [
      "another protocol",
      "SSH-2.0-OpenSSH\r\n",
      'the response is not HTTP/1.1: it does not begin with "HTTP/". The server on this port speaks another protocol.',
      'failed: the response is not HTTP/1.1: it does not begin with "HTTP/". The server on this port speaks another protocol.',
    ],
  ] as const
) {
  Deno.test(`the message for an answer of ${what} names the target once`, async () => {
    await using server = serve(saying(answer));
    await check(server.url, {}, reason);
    const proxy = `${HOST}:${server.port}`;
    const reached = `the proxy ${proxy} ${fromProxy}`;
    await check("ws://-nowhere.invalid", { proxy }, reached);
    await check("wss://-nowhere.invalid", { proxy }, reached);
  });
}

Deno.test("the messages for TLS say what is wrong", async () => {
  await using plain = serve(saying(""));
  const url = `wss://localhost:${plain.port}`;
  await check(
    url,
    { handshakeTimeout: 100 },
    "the handshake took longer than handshakeTimeout (100 ms).",
  );
  await using listener = listen({
    hostname: HOST,
    tls: { cert: SERVER_CERT, key: SERVER_KEY },
  });
  await listener.ready;
  await check(
    `wss://localhost:${listener.port}`,
    {},
    "the certificate of the server is not signed by a trusted authority (UNABLE_TO_VERIFY_LEAF_SIGNATURE). Other authorities can be given in caCerts.",
  );
});

Deno.test("a server that does not speak TLS is recognised", async () => {
  await using listener = listen({ hostname: HOST });
  await listener.ready;
  await check(
    `wss://localhost:${listener.port}`,
    {},
    "the server does not seem to speak TLS on this port.",
  );
});

Deno.test("the message of a native dial has no prefix of the runtime, and no query", async () => {
  const error = await assertRejects(
    () => dialNative(`ws://${HOST}:1/?secret=1`),
    Error,
    "Cannot connect: ",
  );
  assertEquals(error.message.match(/connect to/g), null);
  const ofBun = connectFailure(
    new Error("WebSocket connection to 'ws://a/?secret=1' failed: It ended"),
  );
  assertEquals(ofBun.message, "Cannot connect: It ended.");
  assertEquals(Deno.inspect(ofBun).includes("secret"), false);
  const refused = connectFailure(
    new Error(
      "WebSocket connection to 'ws://a/' failed: Expected 101 status code: 404",
    ),
  );
  assertEquals(
    refused.message,
    "Cannot connect: the server answered 404 instead of 101.",
  );
});
