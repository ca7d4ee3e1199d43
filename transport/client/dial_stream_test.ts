import { connect } from "node:net";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeClock, RecordingReader } from "../../testing/mod.ts";
import { utf8 } from "../_support/bytes.ts";
import { HandPeer, TEXT, turns } from "../_support/raw.ts";
import { ConfigError, ConnectionError } from "../base/errors.ts";
import { acceptKey } from "../handshake/agreement.ts";
import { HandshakeError } from "../handshake/errors.ts";
import type { ByteStream } from "../net/stream/byte_stream.ts";
import { DenoStream } from "../net/deno/deno_stream.ts";
import {
  type MemoryStream,
  memoryStreams,
} from "../net/stream/memory_stream.ts";
import { NodeStream } from "../net/node/node_stream.ts";
import { PullAdapter } from "../net/stream/pull_stream.ts";
import { listen } from "../server/listen.ts";
import { dialNative } from "./dial_native.ts";
import { dialRaw } from "./dial_raw.ts";
import { dialUpgrade } from "./dial_upgrade.ts";

const HOST = "127.0.0.1";

/** A stream in memory, and its other end to be read by hand. */
function pair(): [MemoryStream, PullAdapter] {
  const [near, far] = memoryStreams();
  return [near, new PullAdapter(far)];
}

async function readHead(peer: PullAdapter): Promise<string> {
  const byte = new Uint8Array(1);
  let head = "";
  while (!head.endsWith("\r\n\r\n")) {
    if (await peer.read(byte) === null) break;
    head += String.fromCharCode(byte[0] ?? 0);
  }
  return head;
}

function welcome(head: string): Uint8Array {
  const key = /^sec-websocket-key: (.*)\r$/mi.exec(head)?.[1] ?? "";
  return utf8(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
      `Connection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`,
  );
}

Deno.test("dialRaw: the handshake over a stream in memory", async () => {
  const [stream, peer] = pair();
  const dialled = dialRaw("wss://a.example/path", { stream });
  const head = await readHead(peer);
  assert(head.startsWith("GET /path HTTP/1.1\r\nHost: a.example\r\n"), head);
  await peer.write(welcome(head));
  const socket = await dialled;
  assertEquals(socket.url, "wss://a.example/path");
  assertEquals(socket.remoteAddr, undefined);
  const reader = new RecordingReader();
  socket.start(reader);
  using hand = new HandPeer(peer, "server");
  await hand.send(TEXT, "hello");
  assertEquals(await reader.take(), "hello");
  socket.terminate();
});

for (
  const [kind, open] of [
    ["a Deno.Conn", async (port: number): Promise<ByteStream> => {
      const conn = await Deno.connect({ hostname: HOST, port });
      return new DenoStream(conn);
    }],
    [
      "a socket of node:net that still connects",
      (port: number): Promise<ByteStream> =>
        Promise.resolve(new NodeStream(connect(port, HOST))),
    ],
  ] as const
) {
  Deno.test(`dialRaw: the handshake over ${kind}`, async () => {
    await using listener = listen({ hostname: HOST });
    const stream = await open(listener.port);
    const dialled = dialRaw("ws://other.example", { stream });
    const { value } = await listener[Symbol.asyncIterator]().next();
    assertEquals(value?.request.url, "http://other.example/");
    const server = value?.accept();
    const client = await dialled;
    const reader = new RecordingReader();
    client.start(reader);
    server?.start(new RecordingReader());
    server?.write("through");
    assertEquals(await reader.take(), "through");
    client.close(1000);
    await Promise.all([client.closed, server?.closed]);
  });
}

Deno.test("dialUpgrade: another protocol over a stream of the caller's", async () => {
  const [stream, peer] = pair();
  const dialled = dialUpgrade("ws://a.example", { upgrade: "hive/1", stream });
  await readHead(peer);
  await peer.write(utf8(
    "HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: hive/1\r\n\r\nearly",
  ));
  const upgraded = await dialled;
  const buffer = new Uint8Array(9);
  const count = await upgraded.stream.read(buffer) ?? 0;
  assertEquals(new TextDecoder().decode(buffer.subarray(0, count)), "early");
  upgraded.stream.close();
  assert(stream.destroyed);
});

Deno.test("dialRaw: the stream is destroyed if it is refused, ends, or breaks", async () => {
  const cases: readonly (readonly [
    string,
    (peer: PullAdapter, stream: MemoryStream) => unknown,
  ])[] = [
    [
      "refused",
      (peer) =>
        peer.write(utf8("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")),
    ],
    ["connection-lost", (peer) => peer.closeWrite()],
    ["dial-failed", (_, stream) => stream.fail(new Error("broken"))],
  ];
  for (const [code, happens] of cases) {
    const [stream, peer] = pair();
    const dialled = dialRaw("ws://a.example", { stream });
    dialled.catch(() => {});
    await readHead(peer);
    await happens(peer, stream);
    const error = await assertRejects(() => dialled);
    assert(error instanceof HandshakeError || error instanceof ConnectionError);
    assertEquals(error.code, code);
    assert(stream.destroyed, code);
  }
});

Deno.test("dialRaw: the stream is destroyed by the deadline and by a signal", async () => {
  for (const how of ["timeout", "signal", "aborted signal"]) {
    const clock = new FakeClock();
    const abort = new AbortController();
    if (how === "aborted signal") abort.abort();
    const [stream] = pair();
    const { signal } = abort;
    const dialled = dialRaw("ws://a.example", {
      stream,
      clock,
      signal,
      handshakeTimeout: 100,
    });
    dialled.catch(() => {});
    await turns();
    if (how === "timeout") await clock.advance(100);
    abort.abort();
    await assertRejects(() => dialled);
    assert(stream.destroyed, how);
    assertEquals(clock.pending, 0);
  }
});

for (
  const [field, options] of [
    ["proxy", { proxy: "http://p.example" }],
    ["unix", { unix: "/tmp/x" }],
    ["caCerts", { caCerts: ["x"] }],
    ["cert", { cert: "x", key: "y" }],
    ["url", { url: "nonsense" }],
    ["handshakeTimeout", { handshakeTimeout: -1 }],
    ["unknwon", { unknwon: 1 }],
  ] as const
) {
  Deno.test(`dialRaw: ${field} cannot be used with the stream, which is destroyed`, async () => {
    const { url = "ws://a.example", ...rest } = { url: undefined, ...options };
    for (
      const dial of [
        (stream: MemoryStream) => dialRaw(url, { ...rest, stream }),
        (stream: MemoryStream) =>
          dialUpgrade(url, { ...rest, stream, upgrade: "a" }),
      ]
    ) {
      const [stream] = pair();
      const error = await assertRejects(() => dial(stream), ConfigError);
      assertEquals(error.field, field);
      assert(stream.destroyed);
    }
  });
}

Deno.test("dialRaw: a value that is not a stream is refused, and proxy: false is allowed with a stream", async () => {
  for (const stream of [5, null, {}, { write: () => {} }]) {
    const error = await assertRejects(
      () => Reflect.apply(dialRaw, undefined, ["ws://a.example", { stream }]),
      ConfigError,
    );
    assertEquals(error.field, "stream");
  }
  const [stream, peer] = pair();
  const dialled = dialRaw("ws://a.example", { stream, proxy: false });
  await peer.write(welcome(await readHead(peer)));
  (await dialled).terminate();
});

Deno.test("dialNative has no stream of the caller's", async () => {
  const [stream] = pair();
  const error = await assertRejects(
    () => Reflect.apply(dialNative, undefined, ["ws://a.example", { stream }]),
    ConfigError,
  );
  assertEquals(error.code, "misplaced-option");
});
