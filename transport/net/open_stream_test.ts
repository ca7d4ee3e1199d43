import { assert, assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import { rmSync } from "node:fs";
import * as net from "node:net";
import { setImmediate } from "node:timers";
import * as tls from "node:tls";
import { CA, SERVER_CERT, SERVER_KEY } from "../_support/certificates.ts";
import { systemClock } from "../base/clock.ts";
import { USES_DENO_CONN } from "./deno_stream.ts";
import { openStream } from "./open_stream.ts";
import type { OpenedStream, OpenOptions } from "./stream_options.ts";
import { settled } from "./_support/stream_contract.ts";

const HOST = "127.0.0.1";
const PATH = "/tmp/honeybee-test.sock";
const REASON = new Error("no more");

/** A server that counts the connections that are open. */
class CountingServer implements AsyncDisposable {
  open = 0;
  seen = 0;
  readonly server: net.Server;

  /** @param isTls Whether it speaks TLS. @param answer What it answers to the first bytes. */
  constructor(isTls: boolean, answer?: string) {
    this.server = isTls
      ? tls.createServer({ cert: SERVER_CERT, key: SERVER_KEY })
      : net.createServer();
    this.server.on("connection", (socket: net.Socket) => {
      this.open++;
      this.seen++;
      socket.on("close", () => this.open--);
      socket.on("error", () => {});
      if (isTls) return;
      if (answer !== undefined) socket.once("data", () => socket.write(answer));
      socket.resume();
      socket.on("end", () => socket.end());
    });
    this.server.on("secureConnection", (socket: net.Socket) => {
      socket.on("error", () => {});
      socket.resume();
    });
  }

  get port(): number {
    const address = this.server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    await settled(() => assertEquals(this.open, 0));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Lets a part of an opening happen: promises, turns of the event loop, then milliseconds. */
async function wait(moment: number): Promise<void> {
  if (moment < 6) {
    for (let i = 0; i < moment; i++) await Promise.resolve();
  } else if (moment < 14) {
    for (let i = 6; i <= moment; i++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  } else {
    await new Promise((resolve) => setTimeout(resolve, moment - 13));
  }
}

interface Opening {
  readonly name: string;
  readonly server: () => CountingServer;
  readonly open: (port: number, signal: AbortSignal) => Promise<OpenedStream>;
  readonly path?: string;
}

function opening(url: string, options: OpenOptions): Opening["open"] {
  return (port, signal) =>
    openStream(
      new URL(url.replace("PORT", String(port))),
      Object.fromEntries(
        Object.entries(options).map(([name, value]) => [
          name,
          typeof value === "string"
            ? value.replace("PORT", String(port))
            : value,
        ]),
      ),
      signal,
      systemClock,
    );
}

function viaDenoConn(open: Opening["open"]): Opening["open"] {
  return async (port, signal) => {
    USES_DENO_CONN["connect-tcp"] = true;
    USES_DENO_CONN["connect-unix"] = true;
    try {
      return await open(port, signal);
    } finally {
      USES_DENO_CONN["connect-tcp"] = false;
      USES_DENO_CONN["connect-unix"] = false;
    }
  };
}

const plain = () => new CountingServer(false);
const secure = () => new CountingServer(true);
const overTcp = opening(`ws://${HOST}:PORT`, { proxy: false });
const overUnix = opening("ws://x", { unix: PATH });
const OPENINGS: readonly Opening[] = [
  { name: "TCP", server: plain, open: overTcp },
  {
    name: "TCP by name",
    server: plain,
    open: opening("ws://localhost:PORT", {}),
  },
  {
    name: "TLS",
    server: secure,
    open: opening(`wss://${HOST}:PORT`, { caCerts: [CA] }),
  },
  {
    name: "TLS with a server that is silent",
    server: plain,
    open: opening(`wss://${HOST}:PORT`, { caCerts: [CA] }),
  },
  {
    name: "a proxy that is silent",
    server: plain,
    open: opening("wss://far.invalid", { proxy: `http://${HOST}:PORT` }),
  },
  {
    name: "TLS through a proxy, silent then",
    server: () => new CountingServer(false, "HTTP/1.1 200 OK\r\n\r\n"),
    open: opening("wss://far.invalid", { proxy: `http://${HOST}:PORT` }),
  },
  { name: "Unix", server: plain, open: overUnix, path: PATH },
  { name: "TCP, Deno.Conn", server: plain, open: viaDenoConn(overTcp) },
  {
    name: "Unix, Deno.Conn",
    server: plain,
    open: viaDenoConn(overUnix),
    path: PATH,
  },
];

for (const { name, server: create, open, path } of OPENINGS) {
  Deno.test(`an opening that is aborted leaves nothing open, at whatever moment: ${name}`, async () => {
    await using server = create();
    if (path === undefined) server.server.listen(0, HOST);
    else server.server.listen(path);
    await once(server.server, "listening");
    let aborted = 0;
    for (let moment = -1; moment < 24; moment++) {
      const abort = new AbortController();
      if (moment < 0) abort.abort(REASON);
      const opening = open(server.port, abort.signal).then(
        ({ stream }) => stream.destroy(),
        (error: unknown) => {
          assertEquals(error, REASON);
          aborted++;
        },
      );
      await wait(moment);
      abort.abort(REASON);
      await opening;
      await settled(() => assertEquals(server.open, 0));
    }
    assert(aborted > 2, `${aborted} were aborted`);
    if (path !== undefined) rmSync(path, { force: true });
  });
}

Deno.test("an opening that fails leaves nothing open", async () => {
  const { signal } = new AbortController();
  // Who speaks no TLS, whose certificate nobody knows, and who has another name.
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
  await settled(() => {
    assertEquals([plainServer.open, tlsServer.open], [0, 0]);
    assertEquals([plainServer.seen, tlsServer.seen], [1, 1]);
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
