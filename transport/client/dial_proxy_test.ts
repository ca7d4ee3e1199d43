import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { RecordingReader } from "../../testing/mod.ts";
import { utf8 } from "../_support/bytes.ts";
import { CA, SERVER_CERT, SERVER_KEY } from "../_support/certificates.ts";
import { ConnectionError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { listen } from "../server/listen.ts";
import { HOST, saying, serve } from "./_support/answering.ts";
import { dialRaw } from "./dial_raw.ts";
import type { DialOptions } from "./dialer.ts";

/** A proxy written by hand: asks for credentials where it is given some. */
function proxyTo(port: number, credentials?: string, interim = "") {
  const pumps: Promise<void>[] = [];
  const server = serve(async (conn, head) => {
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
    await conn.write(
      utf8(`${interim}HTTP/1.1 200 Connection established\r\n\r\n`),
    );
    pumps.push(pump(conn, host), pump(host, conn));
  });
  return {
    ...server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await Promise.all(pumps);
    },
  };
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
      ...(secure && { caCerts: [CA] }),
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

const INTERIM = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n";

Deno.test("dialRaw: interim responses of a proxy are skipped", async () => {
  await using listener = listen({ hostname: HOST });
  const { port } = listener;
  await using proxy = proxyTo(port, undefined, INTERIM);
  const dialled = dialRaw(`ws://localhost:${port}`, {
    proxy: `${HOST}:${proxy.port}`,
  });
  const incoming = await listener[Symbol.asyncIterator]().next();
  incoming.value?.accept().terminate();
  (await dialled).terminate();
});

Deno.test("dialRaw: endless interim responses of a proxy are a bad response", async () => {
  await using proxy = serve(saying(INTERIM.repeat(50)));
  const error = await assertRejects(
    () => dialRaw("ws://somewhere.invalid", { proxy: `${HOST}:${proxy.port}` }),
    HandshakeError,
  );
  assertEquals([error.code, error.status], ["bad-response", undefined]);
});

Deno.test("dialRaw: a proxy's refusal has its status, headers and body, and names the proxy", async () => {
  await using proxy = serve(saying(
    "HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 4\r\n\r\nlate",
  ));
  const error = await assertRejects(
    () =>
      dialRaw("ws://somewhere.invalid", {
        proxy: `http://user:secret@${HOST}:${proxy.port}`,
      }),
    HandshakeError,
  );
  assertEquals([error.code, error.status, error.body], [
    "proxy-refused",
    503,
    "late",
  ]);
  assertEquals(error.headers?.get("retry-after"), "3");
  assertStringIncludes(error.message, `${HOST}:${proxy.port}`);
  assertEquals(error.message.includes("secret"), false);
});

Deno.test("dialRaw: a proxy that cannot be reached is named, with where it was set", async () => {
  const error = await assertRejects(
    () => dialRaw("ws://somewhere.invalid", { proxy: `user:secret@${HOST}:1` }),
    ConnectionError,
  );
  assertEquals(error.code, "dial-failed");
  assertStringIncludes(error.message, `the proxy ${HOST}:1`);
  assertEquals(error.message.includes("secret"), false);
  assertInstanceOf(error.cause, Error);
  assertMatch(error.cause.message, /ECONNREFUSED/);
});

Deno.test("dialRaw: the environment names the proxy, except for loopback and NO_PROXY", async () => {
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
    assertEquals(await status("ws://-nowhere.invalid"), 407);
    assertEquals(
      await status("ws://-nowhere.invalid", { proxy: false }),
      "dial-failed",
    );
    assertEquals(await status(`ws://${HOST}:1`), "dial-failed");
    for (
      const list of [
        "-nowhere.invalid",
        "a, .invalid",
        "*",
        "-nowhere.invalid:80",
      ]
    ) {
      Deno.env.set("NO_PROXY", list);
      assertEquals(await status("ws://-nowhere.invalid"), "dial-failed", list);
    }
    for (const list of ["where.invalid", "-nowhere.invalid:81", "valid"]) {
      Deno.env.set("NO_PROXY", list);
      assertEquals(await status("ws://-nowhere.invalid"), 407, list);
    }
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
});
