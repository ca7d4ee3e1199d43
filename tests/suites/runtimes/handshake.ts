/** The opening handshake on whatever runtime runs this: what only real streams and real servers show. */

import assert from "node:assert/strict";
import { createServer } from "node:net";
import process from "node:process";
import { dialRaw, HandshakeError, listen } from "../../../mod.ts";
import {
  CA,
  CLIENT_CERT,
  CLIENT_KEY,
} from "../../../transport/_support/certificates.ts";
import { type Checks, HOST, start, TLS } from "./echo.ts";
import { acceptKey } from "../../../transport/handshake/agreement.ts";

const HINTS = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";

/** Starts a server that answers each request with what `answer` returns for it. */
function serve(answer: (head: string) => string) {
  return start(createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (head) => socket.end(answer(head.toString())));
  }));
}

/** Returns the error of a dial that must fail. */
async function refusalOf(url: string, options = {}): Promise<HandshakeError> {
  try {
    (await dialRaw(url, options)).terminate();
  } catch (error) {
    assert(error instanceof HandshakeError, String(error));
    return error;
  }
  assert.fail("It was accepted.");
}

export const handshakeChecks: Checks = {
  async "an address that is in use fails every call that waits"() {
    const first = listen({ hostname: HOST });
    await first.ready;
    let second;
    try {
      second = listen({ hostname: HOST, port: first.port });
    } catch {
      // Deno reports it at once.
      await first.close();
      return;
    }
    const loop = async () => {
      for await (const incoming of second) await incoming.reject(503);
    };
    const code = "listen-failed";
    await Promise.all([
      assert.rejects(loop(), { code }),
      assert.rejects(second.ready, { code }),
      second.closed,
    ]);
    await assert.rejects(loop(), { code });
    await second.close();
    await first.close();
  },

  async "a listener answers requests, and describes what it refuses"() {
    const listener = listen({
      hostname: HOST,
      onRequest: (request) =>
        request.url.endsWith("/health")
          ? new Response("healthy", { headers: { "x-up": "yes" } })
          : undefined,
    });
    await listener.ready;
    const url = `http://${HOST}:${listener.port}`;
    const healthy = await fetch(`${url}/health`);
    assert.equal(healthy.headers.get("x-up"), "yes");
    assert.equal(await healthy.text(), "healthy");
    const refused = await fetch(url);
    assert.equal(refused.status, 426);
    assert.equal(
      refused.headers.get("content-type"),
      "application/problem+json",
    );
    assert.equal((await refused.json()).title, "Upgrade Required");
    await listener.close();
  },

  async "a certificate can be replaced"() {
    const listener = listen({ hostname: HOST, tls: TLS });
    await listener.ready;
    void (async () => {
      for await (const incoming of listener) incoming.accept().terminate();
    })();
    const dial = async () =>
      (await dialRaw(`wss://${HOST}:${listener.port}`, { caCerts: [CA] }))
        .terminate();
    await dial();
    // One that no client accepts of a server.
    listener.setTls({ cert: CLIENT_CERT, key: CLIENT_KEY });
    await assert.rejects(dial);
    listener.setTls(TLS);
    await dial();
    assert.throws(() => listener.setTls({ ...TLS, key: CLIENT_KEY }), {
      code: "invalid-option",
    });
    await listener.close();
  },

  async "interim responses are skipped"() {
    const server = await serve((head) => {
      const key = /^sec-websocket-key: (.*)\r$/mi.exec(head)?.[1] ?? "";
      return HINTS + HINTS +
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
        "Connection: Upgrade\r\nX-Final: yes\r\n" +
        `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`;
    });
    const socket = await dialRaw(`ws://${HOST}:${server.port}`);
    assert.equal(socket.response?.headers.get("x-final"), "yes");
    socket.terminate();
    await server.close();
  },

  async "a refusal has status, headers and body"() {
    const server = await serve(() =>
      HINTS + "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\n" +
      "Transfer-Encoding: chunked\r\n\r\n4\r\nslow\r\n0\r\n\r\n"
    );
    const error = await refusalOf(`ws://${HOST}:${server.port}`);
    assert.equal(error.status, 429);
    assert.equal(error.headers?.get("retry-after"), "7");
    assert.equal(error.body, "slow");
    await server.close();
  },

  async "the server name of TLS has no dot at its end"() {
    let received = "";
    const proxy = await start(createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        socket.once("data", (hello) => {
          received = hello.toString("latin1");
          socket.destroy();
        });
      });
    }));
    const url = "wss://absolute.invalid.";
    await assert.rejects(
      dialRaw(url, { proxy: `http://${HOST}:${proxy.port}` }),
    );
    assert(received.includes("absolute.invalid"));
    assert(!received.includes("absolute.invalid."));
    await proxy.close();
  },

  async "the environment names the proxy"() {
    const server = await serve((head) =>
      `HTTP/1.1 407 No\r\nX-Line: ${head.split("\r\n", 1)[0]}\r\n\r\n`
    );
    const { env } = process;
    const before = { http_proxy: env.http_proxy, no_proxy: env.no_proxy };
    env.http_proxy = `user:100%@${HOST}:${server.port}`;
    env.no_proxy = "10.0.0.0/8,fd00::/8";
    try {
      const error = await refusalOf("ws://nowhere.invalid");
      assert.equal(error.code, "proxy-refused");
      assert.equal(
        error.headers?.get("x-line"),
        "CONNECT nowhere.invalid:80 HTTP/1.1",
      );
      assert(error.message.includes("http_proxy"), error.message);
      assert(!error.message.includes("100%"), error.message);
    } finally {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete env[name];
        else env[name] = value;
      }
    }
    await server.close();
  },
};
