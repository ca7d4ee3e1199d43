import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { FakeClock, RecordingReader } from "../../testing/mod.ts";
import { CA, SERVER_CERT, SERVER_KEY } from "../_support/certificates.ts";
import { dialAuto } from "./dial_auto.ts";
import { dialRaw, dialUpgrade } from "./dial_raw.ts";
import { ConfigError, ConnectionError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { listen } from "../server/listen.ts";
import { acceptKey } from "../handshake/agreement.ts";
import { join, utf8 } from "../_support/bytes.ts";
import { HandPeer, TEXT, turns } from "../_support/raw.ts";
import { RawSocket } from "../socket/raw_socket.ts";
import type { DialOptions } from "./dialer.ts";

const HOST = "127.0.0.1";

/** A server that answers each connection as the test says. */
function serve(answer: (conn: Deno.TcpConn, head: string) => unknown) {
  const listener = Deno.listen({ hostname: HOST, port: 0 });
  const heads: string[] = [];
  const done = (async () => {
    for await (const conn of listener) {
      try {
        const head = await readHead(conn);
        heads.push(head);
        await answer(conn, head);
      } catch {
        // The client has gone.
      }
    }
  })();
  return {
    port: listener.addr.port,
    url: `ws://${HOST}:${listener.addr.port}`,
    heads,
    async [Symbol.asyncDispose]() {
      listener.close();
      await done;
    },
  };
}

async function readHead(conn: Deno.Conn): Promise<string> {
  const byte = new Uint8Array(1);
  let head = "";
  while (!head.endsWith("\r\n\r\n")) {
    if (await conn.read(byte) === null) break;
    head += String.fromCharCode(byte[0] ?? 0);
  }
  return head;
}

function welcome(head: string, more = ""): Uint8Array {
  const key = /^sec-websocket-key: (.*)\r$/mi.exec(head)?.[1] ?? "";
  return utf8(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n${more}\r\n`,
  );
}

/** Answers once and ends the connection. */
function saying(text: string) {
  return async (conn: Deno.Conn) => {
    await conn.write(utf8(text));
    conn.close();
  };
}

Deno.test("dialRaw asks as RFC 6455 has it, and keeps what comes right behind the answer", async () => {
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

for (
  const [status, code] of [
    ["401 Unauthorized", "refused"],
    ["503 Service Unavailable", "refused"],
    ["302 Found", "redirected"],
    ["200 OK", "refused"],
  ] as const
) {
  Deno.test(`dialRaw: an answer of ${status} carries its status and headers, and nothing is followed`, async () => {
    await using server = serve(
      saying(
        `HTTP/1.1 ${status}\r\nLocation: /elsewhere\r\nX-Why: because\r\n\r\n`,
      ),
    );
    const error = await assertRejects(
      () => dialRaw(server.url, {}),
      HandshakeError,
    );
    assertEquals([error.status, error.code], [parseInt(status), code]);
    assertEquals(error.headers?.get("x-why"), "because");
    assertEquals(server.heads.length, 1);
  });
}

for (
  const [what, answer] of [
    ["is no HTTP", "SSH-2.0-OpenSSH\r\n\r\n"],
    ["ends before its end", "HTTP/1.1 101 Switch"],
    ["is nothing", ""],
    [
      "has the wrong accept key",
      "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
    ],
    ["has no end", `HTTP/1.1 101 X\r\nX: ${"x".repeat(20_000)}`],
  ] as const
) {
  Deno.test(`dialRaw: an answer that ${what} is a HandshakeError`, async () => {
    await using server = serve(saying(answer));
    await assertRejects(() => dialRaw(server.url, {}), HandshakeError);
  });
}

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
    assertInstanceOf(error.cause, Deno.errors.ConnectionRefused);
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

/** A peer that takes connections and never says anything. */
function silent() {
  const listener = Deno.listen({ hostname: HOST, port: 0 });
  const conns: Deno.Conn[] = [];
  const done = (async () => {
    for await (const conn of listener) conns.push(conn);
  })();
  return {
    port: listener.addr.port,
    conns,
    async [Symbol.asyncDispose]() {
      listener.close();
      await done;
      for (const conn of conns) conn.close();
    },
  };
}

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
  let listeners = 0;
  const { signal } = abort;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  };
  await using server = serve(saying("HTTP/1.1 500 No\r\n\r\n"));
  await assertRejects(() => dialRaw(server.url, { signal }));
  assertEquals(listeners, 0);
});

/** A proxy written by hand: asks for credentials where it is given some. */
function proxyTo(port: number, credentials?: string) {
  return serve(async (conn, head) => {
    const target = /^CONNECT (\S+) HTTP\/1\.1\r$/m.exec(head)?.[1];
    const given = /^proxy-authorization: (.*)\r$/mi.exec(head)?.[1];
    if (target === undefined || given !== credentials) {
      await conn.write(
        utf8(
          "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
        ),
      );
      return conn.close();
    }
    const host = await Deno.connect({ hostname: HOST, port });
    await conn.write(utf8("HTTP/1.1 200 Connection established\r\n\r\n"));
    void pump(conn, host);
    void pump(host, conn);
  });
}

async function pump(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    for (;;) {
      const count = await from.read(buffer);
      if (count === null) break;
      await to.write(buffer.subarray(0, count));
    }
  } catch {
    // One of them has gone.
  }
  for (const conn of [from, to]) {
    try {
      conn.close();
    } catch {
      // The other pump has closed it.
    }
  }
}

for (const secure of [false, true]) {
  Deno.test(`dialRaw goes through a proxy with credentials, ${secure ? "TLS" : "plain"}`, async () => {
    await using listener = listen({
      hostname: HOST,
      ...(secure && { tls: { cert: SERVER_CERT, key: SERVER_KEY } }),
    });
    await listener.ready;
    const { addr } = listener;
    assert(addr.transport === "tcp");
    await using proxy = proxyTo(addr.port, `Basic ${btoa("bee:h:n y")}`);
    const incoming = listener[Symbol.asyncIterator]();
    const url = `${secure ? "wss" : "ws"}://localhost:${addr.port}/x`;
    const dialled = dialRaw(url, {
      caCerts: [CA],
      proxy: `http://bee:h%3An%20y@${HOST}:${proxy.port}`,
    });
    const arrival = (await incoming.next()).value;
    const socket = arrival?.accept();
    const client = await dialled;
    assertStringIncludes(
      proxy.heads[0] ?? "",
      `CONNECT localhost:${addr.port} HTTP/1.1\r\n`,
    );
    const reader = new RecordingReader();
    client.start(reader);
    socket?.start(new RecordingReader());
    socket?.write("through");
    assertEquals(await reader.take(), "through");
    client.close(1000);
    await Promise.all([client.closed, socket?.closed]);
    await turns(10);
  });
}

Deno.test("dialRaw: a proxy's 407 is proxy-refused, with its status", async () => {
  await using proxy = proxyTo(1, "Basic secret");
  const error = await assertRejects(
    () =>
      dialRaw("ws://somewhere.invalid", {
        proxy: `http://${HOST}:${proxy.port}`,
      }),
    HandshakeError,
  );
  assertEquals([error.code, error.status], ["proxy-refused", 407]);
});

Deno.test("dialRaw: a proxy that speaks before the host is a bad response", async () => {
  await using proxy = serve(saying("HTTP/1.1 200 OK\r\n\r\nsurprise"));
  const error = await assertRejects(
    () =>
      dialRaw("ws://somewhere.invalid", {
        proxy: `http://${HOST}:${proxy.port}`,
      }),
    HandshakeError,
  );
  assertEquals(error.code, "bad-response");
});

Deno.test("dialRaw: the environment names the proxy, save for loopback and NO_PROXY", async () => {
  await using proxy = proxyTo(1, "nobody");
  const before = ["HTTP_PROXY", "NO_PROXY"].map((name) =>
    [name, Deno.env.get(name)] as const
  );
  const status = (url: string, options: DialOptions = {}) =>
    dialRaw(url, options).then(
      () => 0,
      (error) => error instanceof HandshakeError ? error.status : error.code,
    );
  try {
    Deno.env.set("HTTP_PROXY", `http://${HOST}:${proxy.port}`);
    Deno.env.set("NO_PROXY", "");
    assertEquals(await status("ws://nowhere.invalid"), 407);
    assertEquals(
      await status("ws://nowhere.invalid", { proxy: false }),
      "dial-failed",
    );
    assertEquals(await status(`ws://${HOST}:1`), "dial-failed");
    for (
      const list of [
        "nowhere.invalid",
        "a, .invalid",
        "*",
        "nowhere.invalid:80",
      ]
    ) {
      Deno.env.set("NO_PROXY", list);
      assertEquals(await status("ws://nowhere.invalid"), "dial-failed", list);
    }
    for (const list of ["where.invalid", "nowhere.invalid:81", "valid"]) {
      Deno.env.set("NO_PROXY", list);
      assertEquals(await status("ws://nowhere.invalid"), 407, list);
    }
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
});

for (
  const [what, url, options] of [
    ["a proxy that speaks TLS", "ws://x.invalid", {
      proxy: "https://p.invalid",
    }],
    ["a proxy that is no URL", "ws://x.invalid", { proxy: "nonsense" }],
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

Deno.test("dialUpgrade cannot do without options, and says so", async () => {
  const error = await assertRejects(
    () => Reflect.apply(dialUpgrade, undefined, ["ws://127.0.0.1:9"]),
    ConfigError,
  );
  assertEquals(error.field, "options");
});
