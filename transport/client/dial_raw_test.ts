import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { FakeClock, RecordingReader } from "../../testing/mod.ts";
import { CA, SERVER_CERT, SERVER_KEY } from "../_support/certificates.ts";
import { dialAuto } from "./dial_auto.ts";
import { HOST, saying, serve, silent, welcome } from "./_support/answering.ts";
import { dialNative } from "./dial_native.ts";
import { dialRaw } from "./dial_raw.ts";
import { dialUpgrade } from "./dial_upgrade.ts";
import { ConfigError, ConnectionError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { listen } from "../server/listen.ts";
import { join, utf8 } from "../_support/bytes.ts";
import { HandPeer, TEXT, turns } from "../_support/raw.ts";
import { RawSocket } from "../socket/raw_socket.ts";
import type { DialOptions } from "./dialer.ts";
import { countListeners } from "../base/_support/signals.ts";

Deno.test("dialRaw sends the request of RFC 6455, and keeps the bytes right after the response", async () => {
  const conns: Deno.Conn[] = [];
  await using server = serve(async (conn, head) => {
    conns.push(conn);
    const peer = new HandPeer(conn, "server");
    await conn.write(
      join(
        welcome(head, "Sec-WebSocket-Protocol: b\r\n"),
        peer.frame(TEXT, "early"),
      ),
    );
  });
  const socket = await dialRaw(`${server.url}/some/path?a=b`, {
    protocols: ["a", "b"],
    headers: { "x-token": "t" },
  });
  const reader = new RecordingReader();
  socket.start(reader);
  assertEquals(await reader.take(), "early");
  const [head = ""] = server.heads;
  assert(head.startsWith("GET /some/path?a=b HTTP/1.1\r\n"));
  const lower = head.toLowerCase();
  for (
    const line of [
      `host: ${HOST}:${server.port}`,
      "upgrade: websocket",
      "connection: upgrade",
      "sec-websocket-version: 13",
      "sec-websocket-protocol: a, b",
      "x-token: t",
    ]
  ) assertStringIncludes(lower, `\r\n${line}\r\n`);
  assert(/\r\nsec-websocket-key: [A-Za-z0-9+/]{22}==\r\n/i.test(head));
  assertEquals(socket.protocol, "b");
  assertEquals(socket.url, `${server.url}/some/path?a=b`);
  assertEquals(socket.remoteAddr, {
    transport: "tcp",
    hostname: HOST,
    port: server.port,
  });
  socket.terminate();
  for (const conn of conns) conn.close();
});

Deno.test("dialRaw: nobody listens: dial-failed, with the cause", async () => {
  const listener = Deno.listen({ hostname: HOST, port: 0 });
  const { port } = listener.addr;
  listener.close();
  for (const scheme of ["ws", "wss"]) {
    const error = await assertRejects(
      () => dialRaw(`${scheme}://${HOST}:${port}`, {}),
      ConnectionError,
    );
    assertEquals(error.code, "dial-failed");
    assertInstanceOf(error.cause, Error);
    assertMatch(error.cause.message, /ECONNREFUSED/);
  }
});

Deno.test("dialRaw over TLS takes a name and an address", async () => {
  await using listener = listen({
    hostname: HOST,
    tls: { cert: SERVER_CERT, key: SERVER_KEY },
  });
  await listener.ready;
  const { addr } = listener;
  assert(addr.transport === "tcp");
  const incoming = listener[Symbol.asyncIterator]();
  for (const name of [HOST, "localhost"]) {
    const dialled = dialRaw(`wss://${name}:${addr.port}`, { caCerts: [CA] });
    const socket = (await incoming.next()).value?.accept();
    const client = await dialled;
    const reader = new RecordingReader();
    client.start(reader);
    socket?.start(new RecordingReader());
    socket?.write("hello");
    assertEquals(await reader.take(), "hello");
    client.close(1000);
    assert((await client.closed).clean);
    await socket?.closed;
  }
});

Deno.test("dialRaw over TLS to a plain server fails, and leaves nothing open", async () => {
  const listener = Deno.listen({ hostname: HOST, port: 0 });
  const { port } = listener.addr;
  const served = (async () => {
    using conn = await listener.accept();
    await conn.write(utf8("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await conn.read(new Uint8Array(1_000));
  })();
  const error = await assertRejects(
    () => dialRaw(`wss://${HOST}:${port}`, {}),
    ConnectionError,
  );
  assertEquals(error.code, "dial-failed");
  await served;
  listener.close();
});

for (
  const [stage, url, options] of [
    ["TLS handshake", "wss", {}],
    ["client's TLS handshake", "wss", { cert: SERVER_CERT, key: SERVER_KEY }],
    ["answer", "ws", {}],
    ["proxy's answer", "ws", { proxy: true }],
  ] as const
) {
  for (const how of ["signal", "handshakeTimeout"] as const) {
    Deno.test(`dialRaw: ${how} ends the wait for the ${stage}, and the connection`, async () => {
      await using server = silent();
      const clock = new FakeClock();
      const abort = new AbortController();
      const { proxy, ...rest }: Omit<DialOptions, "proxy"> & {
        proxy?: boolean;
      } = options;
      const dialled = dialRaw(`${url}://${HOST}:${server.port}`, {
        ...rest,
        clock,
        handshakeTimeout: 300,
        signal: abort.signal,
        ...(proxy && { proxy: `http://${HOST}:${server.port}` }),
      });
      dialled.catch(() => {});
      while (server.conns.length === 0) await turns(1);
      await turns(10);
      if (how === "signal") {
        const reason = new Error("not wanted");
        abort.abort(reason);
        assertEquals(await dialled.catch((error) => error), reason);
      } else {
        await clock.advance(300);
        const error = await assertRejects(() => dialled, HandshakeError);
        assertEquals(error.code, "timeout");
      }
      assertEquals(clock.pending, 0);
      // The runtime keeps one that it was to make secure until its peer leaves.
      if (stage === "TLS handshake") return;
      // The connection was ended: its stream has an end.
      const buffer = new Uint8Array(4_096);
      const [conn] = server.conns;
      while ((await conn?.read(buffer).catch(() => null)) !== null);
    });
  }
}

Deno.test("dialRaw: a signal that has aborted dials nobody", async () => {
  await using server = silent();
  const reason = new Error("too late");
  const error = await dialRaw(`ws://${HOST}:${server.port}`, {
    signal: AbortSignal.abort(reason),
  }).catch((error) => error);
  assertEquals(error, reason);
  await turns();
  assertEquals(server.conns.length, 0);
});

Deno.test("dialRaw: a signal is let go of when the dial is done", async () => {
  const abort = new AbortController();
  const { signal } = abort;
  const listeners = countListeners(signal);
  await using server = serve(saying("HTTP/1.1 500 No\r\n\r\n"));
  await assertRejects(() => dialRaw(server.url, { signal }));
  assertEquals(listeners(), 0);
});

for (
  const [what, url, options] of [
    ["a proxy that speaks TLS", "ws://x.invalid", {
      proxy: "https://p.invalid",
    }],
    ["a proxy that is none", "ws://x.invalid", { proxy: "a b" }],
    ["a header of the handshake", "ws://x.invalid", {
      headers: { Upgrade: "x" },
    }],
    ["a URL with a lone surrogate", "ws://x.invalid/\ud800", {}],
    ["a Unix socket with TLS", "wss://x.invalid", { unix: "/tmp/x" }],
    ["a certificate without TLS", "ws://x.invalid", { cert: "c", key: "k" }],
    ["a negative timeout", "ws://x.invalid", { handshakeTimeout: -1 }],
    ["a header that is none", "ws://x.invalid", { headers: { "a b": "c" } }],
    ["a protocol that is none", "ws://x.invalid", { protocols: ["a b"] }],
    ["a URL that is none", "nonsense", {}],
    ["a URL of another scheme", "ftp://x.invalid", {}],
  ] as const
) {
  Deno.test(`dialRaw: ${what} is a ConfigError`, async () => {
    await assertRejects(() => dialRaw(url, options), ConfigError);
  });
}

Deno.test("dialAuto dials raw by default and native without pings", async () => {
  await using listener = listen({ hostname: HOST });
  const { addr } = listener;
  assert(addr.transport === "tcp");
  const url = `ws://${HOST}:${addr.port}`;
  const incoming = listener[Symbol.asyncIterator]();
  for (
    const [options, raw] of [
      [{}, true],
      [{ pingInterval: 0 }, false],
      [{ pingInterval: 0, compression: true }, true],
      [{ pingInterval: 0, fragmentSize: 10 }, true],
      [{ pingInterval: 0, maxFrameSize: 10_000 }, true],
      [{ pingInterval: 0, maxFragments: 10 }, true],
      [{ pingInterval: 0, binary: "borrow" }, true],
    ] as const
  ) {
    const dialled = dialAuto(url, options);
    const server = (await incoming.next()).value?.accept();
    const socket = await dialled;
    assertEquals(socket instanceof RawSocket, raw);
    socket.start(new RecordingReader());
    server?.start(new RecordingReader());
    socket.close(1000);
    await Promise.all([socket.closed, server?.closed]);
  }
});

Deno.test("dialUpgrade cannot do without options, and refuses those of sockets", async () => {
  for (
    const [options, field] of [
      [undefined, "options"],
      [{}, "upgrade"],
      [{ upgrade: "a b" }, "upgrade"],
      [{ upgrade: [] }, "upgrade"],
      [{ upgrade: "a", check: true }, "check"],
      [{ upgrade: "a", compression: true }, "compression"],
      [{ upgrade: "a", maxMessageSize: 1 }, "maxMessageSize"],
      [{ upgrade: "a", upgarde: "b" }, "upgarde"],
      [{ upgrade: "a", headers: { "a b": "c" } }, "headers"],
      [{ upgrade: "websocket", protocols: ["a b"] }, "protocols"],
    ] as const
  ) {
    const error = await assertRejects(
      () =>
        Reflect.apply(dialUpgrade, undefined, ["ws://127.0.0.1:9", options]),
      ConfigError,
    );
    assertEquals(error.field, field);
  }
});

for (const dial of [dialRaw, dialNative, dialAuto]) {
  Deno.test(`${dial.name} refuses options that it does not have`, async () => {
    for (
      const [options, code] of [
        [{ protcols: ["a"] }, "unknown-option"],
        [{ retry: false }, "misplaced-option"],
        [{ pingTimeout: 1 }, "misplaced-option"],
      ] as const
    ) {
      const error = await assertRejects(
        () => dial("ws://127.0.0.1:9", { pingInterval: 0, ...options }),
        ConfigError,
      );
      assertEquals(error.code, code);
    }
  });
}

/** The request line and the Host that a dialer sends. */
async function requestOf(
  dial: typeof dialRaw,
  rest: string,
  scheme = "ws",
): Promise<string> {
  await using server = serve(saying("HTTP/1.1 404 No\r\n\r\n"));
  const url = `${scheme}://${HOST}:${server.port}${rest}`;
  await dial(url, {}).catch(() => {});
  const [head = ""] = server.heads;
  const host = /^host: (.*)\r$/mi.exec(head)?.[1];
  return `${head.split("\r\n")[0]} ${host === `${HOST}:${server.port}`}`;
}

for (
  const rest of [
    "",
    "/",
    "?",
    "?a",
    "\\chat?room=1",
    "/a/../b/./c",
    '/"<>\\^{}|`',
    "/?\"<>\\^{}|`'",
    "/\u00e4 \u{1f41d}?\u00e4 b",
    "/%41%zz%",
    "//a",
    "/a;b=c,d@e:f",
  ]
) {
  Deno.test(`every dialer requests the same of ${JSON.stringify(rest)}`, async () => {
    const { pathname, search } = new URL(`ws://${HOST}:80${rest}`);
    const expected = `GET ${pathname}${search} HTTP/1.1 true`;
    assertEquals(await requestOf(dialRaw, rest), expected);
    assertEquals(await requestOf(dialNative, rest), expected);
    assertEquals(await requestOf(dialRaw, rest, "http"), expected);
    assertEquals(await requestOf(dialNative, rest, "http"), expected);
  });
}
