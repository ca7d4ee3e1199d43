/**
 * What takes seconds, and processes of its own, on every kind of stream: listeners that run out of descriptors, connections that
 * are reset before they are accepted, and floods. Runs on Deno, Node.js and Bun.
 *
 * @module
 */

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import process from "node:process";
import { Connection, dialRaw } from "../../../mod.ts";
import { pause } from "../../../transport/net/_support/settled.ts";
import { Child } from "./child.ts";
import {
  LISTENER_KINDS,
  type ListenerKind,
  startListening,
  targetOf,
} from "./listener_kinds.ts";

/** A case that has processes of its own. */
export interface ProcessCase {
  readonly name: string;
  run(): Promise<void>;
}

const HOST = "127.0.0.1";
const MIB = 1_048_576;
/** Milliseconds that a process has to start, on a busy machine. */
const START = 20_000;
/** Milliseconds within which a good client has to be served. */
const SOON = 1_000;

/** More connections than the listener's process has descriptors. */
const CROWD = 90;
const DESCRIPTORS = 64;
/** Milliseconds that a process of Deno takes until it has opened what it needs itself. */
const STARTED = 2_000;
/** Milliseconds for which the descriptors are used up. */
const SHORTAGE = 7_000;

let paths = 0;

function newPath(): string {
  return `/tmp/honeybee-streams-${process.pid}-${paths++}.sock`;
}

async function withListener(
  kind: ListenerKind,
  run: (child: Child, port: number, path: string) => Promise<void>,
  descriptors?: number,
): Promise<void> {
  const path = newPath();
  const child = new Child("listener.ts", [kind, path], { descriptors });
  try {
    const port = Number(await child.says(/^port (\d+)/, START));
    await run(child, port, path);
  } finally {
    await child.kill();
    rmSync(path, { force: true });
  }
}

/** Dials, and waits for an echo. */
async function askForEcho(
  kind: ListenerKind,
  port: number,
  path: string,
): Promise<void> {
  const [url, options] = targetOf(kind, port, path);
  const connection = new Connection(await dialRaw(url, options));
  await connection.send("hello");
  assert.equal(await connection.incoming.take(), "hello");
  await connection.close();
}

/** Asserts that a client is served soon. It dials again if it is cut, as Node.js does to those who come too early. */
async function assertServed(
  kind: ListenerKind,
  port: number,
  path: string,
): Promise<void> {
  const started = performance.now();
  for (;;) {
    try {
      await askForEcho(kind, port, path);
      break;
    } catch (error) {
      if (performance.now() - started > SOON) throw error;
      await pause(50);
    }
  }
  const took = performance.now() - started;
  assert.ok(took < SOON, `a client was served after ${took} ms`);
}

/** Opens a socket to a listener, and sends nothing. */
async function knock(
  kind: ListenerKind,
  port: number,
  path: string,
): Promise<Socket> {
  const socket = kind === "unix" ? connect(path) : connect(port, HOST);
  socket.on("error", () => {});
  await new Promise<void>((resolve) => {
    socket.once("connect", resolve);
    socket.once("close", () => resolve());
  });
  return socket;
}

function shortage(kind: ListenerKind): ProcessCase {
  return {
    name: `a listener without descriptors goes on when there are some: ${kind}`,
    run: () =>
      withListener(kind, async (child, port, path) => {
        await pause(STARTED);
        await askForEcho(kind, port, path);
        const crowd: Socket[] = [];
        for (let i = 0; i < CROWD; i++) {
          crowd.push(await knock(kind, port, path));
        }
        await pause(SHORTAGE);
        const errors = child.lines.filter((line) => line.startsWith("error"));
        for (const socket of crowd) socket.destroy();
        await assertServed(kind, port, path);
        await assertServed(kind, port, path);
        // A server of `node:http` is the caller's: nothing is reported there.
        const isOwn = !kind.startsWith("upgradeNode");
        assert.ok(
          isOwn === errors.length > 0 && errors.length < 5,
          String(errors),
        );
        for (const error of errors) {
          assert.match(error, /EMFILE|too many open files/i);
        }
      }, DESCRIPTORS),
  };
}

/** Closes a socket by a reset. A Unix socket has none. */
function reset(kind: ListenerKind, socket: Socket): void {
  if (kind === "unix") socket.destroy();
  else socket.resetAndDestroy();
}

/** Connections that are reset, and how many of them at a time before the listener looks at any. */
const RESETS = 500;
const AT_A_TIME = 100;

function resets(kind: ListenerKind): ProcessCase {
  return {
    name:
      `connections that are reset before they are accepted cost nothing: ${kind}`,
    run: () =>
      withListener(kind, async (child, port, path) => {
        await askForEcho(kind, port, path);
        for (let count = 0; count < RESETS; count += AT_A_TIME) {
          child.signal("SIGSTOP");
          for (let i = 0; i < AT_A_TIME; i++) {
            reset(kind, await knock(kind, port, path));
          }
          child.signal("SIGCONT");
          await assertServed(kind, port, path);
        }
        for (let i = 0; i < RESETS; i++) {
          reset(kind, await knock(kind, port, path));
        }
        await assertServed(kind, port, path);
        assert.equal(child.lines.length, 1, String(child.lines));
      }),
  };
}

/** The maximum by which the memory of a process may grow that is flooded and does not read. */
const MAX_GROWTH = 16 * MIB;
const MESSAGE = new Uint8Array(65_536);

type Role = "accepts" | "dials";

function flood(role: Role, kind: ListenerKind): ProcessCase {
  return {
    name:
      `a flood that nobody reads costs little memory, and nothing is lost: ${kind}, the flooded end ${role}`,
    async run() {
      const path = newPath();
      const args = [kind, role, path];
      const incoming = Promise.withResolvers<Connection>();
      const own = role === "dials"
        ? await startListening(kind, path, {
          accepted: (socket) => incoming.resolve(new Connection(socket)),
          error: incoming.reject,
        })
        : undefined;
      if (own !== undefined) args.push(String(own.port));
      const child = new Child("flooded.ts", args);
      try {
        if (role === "accepts") {
          const port = Number(await child.says(/^port (\d+)/, START));
          const [url, options] = targetOf(kind, port, path);
          incoming.resolve(new Connection(await dialRaw(url, options)));
        } else await child.says(/^connected/, START);
        await floodChild(child, await incoming.promise);
      } finally {
        await child.kill();
        await own?.close();
        rmSync(path, { force: true });
      }
    },
  };
}

async function floodChild(child: Child, connection: Connection): Promise<void> {
  let sent = 0;
  for (let i = 0; i < 100; i++, sent += MESSAGE.length) {
    await connection.send(MESSAGE);
  }
  await child.says(/^flood/, START);
  let isOver = false;
  const flooding = (async () => {
    for (; !isOver; sent += MESSAGE.length) await connection.send(MESSAGE);
  })();
  const grew = Number(await child.says(/^grew (\d+)/, START));
  assert.ok(grew < MAX_GROWTH, `memory grew by ${grew}`);
  isOver = true;
  await flooding;
  await connection.close();
  const received = Number(await child.says(/^received (\d+)/, START));
  assert.equal(received, sent);
}

export const PROCESS_CASES: readonly ProcessCase[] = [
  ...LISTENER_KINDS.map(shortage),
  ...LISTENER_KINDS.map(resets),
  ...LISTENER_KINDS.filter((kind) => kind !== "reusePort").map((kind) =>
    flood("accepts", kind)
  ),
  ...(["tcp", "tls", "unix"] as const).map((kind) => flood("dials", kind)),
];
