import assert from "node:assert/strict";
import { once } from "node:events";
import { rmSync } from "node:fs";
import * as net from "node:net";
import { setImmediate } from "node:timers";
import * as tls from "node:tls";
import { CA, SERVER_CERT, SERVER_KEY } from "../../_support/certificates.ts";
import { systemClock } from "../../base/clock.ts";
import { onDeno } from "../../base/runtime.ts";
import { USES_DENO_CONN } from "../stream_choice.ts";
import { openStream } from "../open_stream.ts";
import type { OpenedStream, OpenOptions } from "../stream/stream_options.ts";
import { settled } from "./settled.ts";
import { unixPath } from "./stream_kinds.ts";

const HOST = "127.0.0.1";
const PATH = unixPath();
const REASON = new Error("no more");

/** A server that counts the connections that are open. */
export class CountingServer implements AsyncDisposable {
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
    await settled(() => assert.equal(this.open, 0));
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

export interface Opening {
  readonly name: string;
  readonly server: () => CountingServer;
  readonly open: (port: number, signal: AbortSignal) => Promise<OpenedStream>;
  readonly path?: string;
}

export function opening(url: string, options: OpenOptions): Opening["open"] {
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
export const OPENINGS: readonly Opening[] = [
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
  ...onDeno
    ? [
      { name: "TCP, Deno.Conn", server: plain, open: viaDenoConn(overTcp) },
      {
        name: "Unix, Deno.Conn",
        server: plain,
        open: viaDenoConn(overUnix),
        path: PATH,
      },
    ]
    : [],
];

/** Aborts an opening at every moment, and looks that the server has no connection left. */
export async function abortEverywhere(
  { server: create, open, path }: Opening,
): Promise<void> {
  const server = create();
  try {
    if (path === undefined) server.server.listen(0, HOST);
    else server.server.listen(path);
    await once(server.server, "listening");
    let aborted = 0;
    for (let moment = -1; moment < 24; moment++) {
      if (await abortAt(moment, (signal) => open(server.port, signal))) {
        aborted++;
      }
      await settled(() => assert.equal(server.open, 0));
    }
    assert.ok(aborted > 2, `${aborted} were aborted`);
  } finally {
    await server[Symbol.asyncDispose]();
    if (path !== undefined) rmSync(path, { force: true });
  }
}

/** Returns whether the opening was aborted: the last ones may be open before. */
async function abortAt(
  moment: number,
  open: (signal: AbortSignal) => Promise<OpenedStream>,
): Promise<boolean> {
  const abort = new AbortController();
  if (moment < 0) abort.abort(REASON);
  const opening = open(abort.signal).then(
    ({ stream }) => {
      stream.destroy();
      return false;
    },
    (error: unknown) => {
      assert.equal(error, REASON);
      return true;
    },
  );
  await wait(moment);
  abort.abort(REASON);
  return await opening;
}
