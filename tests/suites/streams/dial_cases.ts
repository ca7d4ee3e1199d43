/**
 * Dials that are cancelled, peers that leave TLS without a close_notify, authorities, and names with two addresses; and
 * messages to a slow reader. Runs on Deno, Node.js and Bun.
 *
 * @module
 */

import assert from "node:assert/strict";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import * as net from "node:net";
import { networkInterfaces } from "node:os";
import process from "node:process";
import * as tls from "node:tls";
import { Connection, dialRaw, listen } from "../../../mod.ts";
import {
  CA,
  SERVER_CERT,
  SERVER_KEY,
} from "../../../transport/_support/certificates.ts";
import { acceptKey } from "../../../transport/handshake/agreement.ts";
import {
  countDescriptors,
  pause,
  settled,
} from "../../../transport/net/_support/settled.ts";
import { NodeStream } from "../../../transport/net/node/node_stream.ts";
import type { ProcessCase } from "./cases.ts";
import { Child } from "./child.ts";
import {
  isSecure,
  type ListenerKind,
  startListening,
} from "./listener_kinds.ts";

const HOST = "127.0.0.1";
const MIB = 1_048_576;

async function portOf(server: net.Server, host = HOST): Promise<number> {
  server.listen(0, host);
  await once(server, "listening");
  const address = server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
}

/** Dials to a server that is silent in the TLS handshake, all of them cancelled. */
async function giveUpDials(): Promise<void> {
  const peers: net.Socket[] = [];
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    peers.push(socket);
  });
  const port = await portOf(server);
  const dial = (options: { signal?: AbortSignal; handshakeTimeout?: number }) =>
    assert.rejects(dialRaw(`wss://${HOST}:${port}`, options));
  const dialAll = () =>
    Promise.all(Array.from({ length: 50 }, (_, i) =>
      dial(
        i % 2 === 0
          ? { handshakeTimeout: 200 + i }
          : { signal: AbortSignal.timeout(200 + i) },
      )));
  // The first ones have the runtime open what it keeps.
  await dialAll();
  await settled(() => assert.equal(peers.length, 50));
  await pause(500);
  const before = countDescriptors();
  await dialAll();
  // The peers have not left: nothing of ours may wait for that.
  await settled(() => {
    assert.equal(peers.length, 100);
    const more = countDescriptors() - before - 50;
    assert.ok(more <= 0, `${more} descriptors stay`);
  });
  for (const peer of peers) peer.destroy();
  server.close();
}

/** Accepts one connection, and ends TCP below TLS. */
async function leaveWithoutNotice(): Promise<void> {
  const server = tls.createServer({ cert: SERVER_CERT, key: SERVER_KEY });
  const belows: net.Socket[] = [];
  server.on("connection", (socket) => belows.push(socket));
  server.on("secureConnection", (socket) => {
    socket.on("error", () => {});
    socket.once("data", (head) => {
      const [, key = ""] = /sec-websocket-key: (.*)\r\n/i.exec(String(head)) ??
        [];
      socket.write(
        `HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${
          acceptKey(key)
        }\r\n\r\n`,
      );
      setTimeout(() => belows.forEach((below) => below.end()), 100);
    });
  });
  const port = await portOf(server);
  const socket = await dialRaw(`wss://${HOST}:${port}`, { caCerts: [CA] });
  const end = await new Connection(socket).closed;
  for (const below of belows) below.destroy();
  server.close();
  // As on plain TCP: a stream that has ended without a close frame is no error of the stream.
  assert.deepEqual([end.clean, end.error], [false, undefined]);
}

/** Dials a server whose authority is one of the runtime's own, with `caCerts` of another one. */
async function trustBoth(): Promise<void> {
  const file = `/tmp/honeybee-streams-${process.pid}-ca.pem`;
  writeFileSync(file, CA);
  const listener = listen({
    hostname: HOST,
    tls: { cert: SERVER_CERT, key: SERVER_KEY },
  });
  await listener.ready;
  void (async () => {
    for await (const incoming of listener) incoming.accept();
  })();
  const child = new Child("trusting.ts", [String(listener.port)], {
    env: { NODE_EXTRA_CA_CERTS: file, DENO_CERT: file },
  });
  try {
    assert.equal(await child.says(/^dialled: (.*)/, 20_000), "ok");
  } finally {
    await child.kill();
    await listener.close();
    rmSync(file);
  }
}

/** Returns whether this machine has an address. Many containers have no IPv6. */
function hasAddress(address: string): boolean {
  return Object.values(networkInterfaces()).flat().some((known) =>
    known?.address === address
  );
}

/** Dials a name that has two addresses, of which one is listened on. */
async function dialByName(hostname: string): Promise<void> {
  if (!hasAddress(hostname)) {
    return await assert.rejects(
      async () => await listen({ hostname }).ready,
      /EADDRNOTAVAIL/,
    );
  }
  const addresses = await lookup("localhost", { all: true });
  // If the name does not have this address, the dial finds no server.
  const isKnown = addresses.some(({ address }) => address === hostname);
  const listener = listen({ hostname });
  await listener.ready;
  const accepting = (async () => {
    for await (const incoming of listener) incoming.accept();
  })();
  const dial = dialRaw(`ws://localhost:${listener.port}`);
  if (isKnown) (await dial).terminate();
  else await assert.rejects(dial, /ECONNREFUSED/);
  await listener.close();
  await accepting;
}

/** Bytes in a second that the slow peer reads. */
const PACE = 4 * MIB;
const SIZE = 24 * MIB;

const REQUEST =
  "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/** Sends one large message to a peer that takes three times `writeTimeout` for it. */
async function sendSlowly(kind: ListenerKind): Promise<void> {
  const accepted = Promise.withResolvers<Connection>();
  const { port, close } = await startListening(kind, "", {
    accepted: (socket) =>
      accepted.resolve(
        new Connection(socket, { writeTimeout: 2_000 }),
      ),
    error: accepted.reject,
  });
  const socket = isSecure(kind)
    ? tls.connect({ port, host: HOST, ca: [CA] })
    : net.connect(port, HOST);
  await once(socket, isSecure(kind) ? "secureConnect" : "connect");
  const peer = new NodeStream(socket);
  const started = performance.now();
  let received = 0;
  let resuming: ReturnType<typeof setTimeout> | undefined;
  peer.attach({
    data({ length }) {
      received += length;
      const ahead = received / PACE * 1_000 - (performance.now() - started);
      if (ahead < 5) return;
      peer.pause();
      clearTimeout(resuming);
      resuming = setTimeout(() => peer.resume(), ahead);
    },
    end() {},
    drain() {},
    writeError() {},
    error() {},
  });
  peer.write(new TextEncoder().encode(REQUEST));
  peer.resume();
  const connection = await accepted.promise;
  await connection.send(new Uint8Array(SIZE));
  // With 4 MiB on the way, all of it has been read a second after it was taken.
  for (
    let i = 0;
    i < 200 && received < SIZE && connection.state === "connected";
    i++
  ) {
    await pause(50);
  }
  assert.ok(connection.state === "connected", "the connection was cut");
  assert.ok(received >= SIZE, `${received} bytes were read`);
  clearTimeout(resuming);
  peer.destroy();
  await connection.closed;
  await close();
}

const SLOW_LISTENER_KINDS = [
  "tcp",
  "tls",
  "upgradeNode",
  "upgradeNode over TLS",
] as const;

export const DIAL_CASES: readonly ProcessCase[] = [
  {
    name: "50 wss: dials that are cancelled leave no descriptor",
    run: giveUpDials,
  },
  {
    name:
      "a dialled TLS peer that leaves without a close_notify is a peer that has left",
    run: leaveWithoutNotice,
  },
  {
    name: "caCerts are trusted in addition to the runtime's own authorities",
    run: trustBoth,
  },
  {
    name: "a name with two addresses is dialled where only IPv4 is listened on",
    run: () => dialByName("127.0.0.1"),
  },
  {
    name: "a name with two addresses is dialled where only IPv6 is listened on",
    run: () => dialByName("::1"),
  },
  ...SLOW_LISTENER_KINDS.map((kind) => ({
    name:
      `a reader that is slow but reads is not cut in a large message: ${kind}`,
    run: () => sendSlowly(kind),
  })),
];
