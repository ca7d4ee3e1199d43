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
import { type Door, DOORS, openDoor, targetOf } from "./doors.ts";

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
  door: Door,
  run: (child: Child, port: number, path: string) => Promise<void>,
  descriptors?: number,
): Promise<void> {
  const path = newPath();
  const child = new Child("listener.ts", [door, path], { descriptors });
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
  door: Door,
  port: number,
  path: string,
): Promise<void> {
  const [url, options] = targetOf(door, port, path);
  const connection = new Connection(await dialRaw(url, options));
  await connection.send("hello");
  assert.equal(await connection.incoming.take(), "hello");
  await connection.close();
}

/** Asserts that a client is served soon. It dials again if it is cut, as Node.js does to those who come too early. */
async function assertServed(
  door: Door,
  port: number,
  path: string,
): Promise<void> {
  const started = performance.now();
  for (;;) {
    try {
      await askForEcho(door, port, path);
      break;
    } catch (error) {
      if (performance.now() - started > SOON) throw error;
      await pause(50);
    }
  }
  const took = performance.now() - started;
  assert.ok(took < SOON, `a client was served after ${took} ms`);
}

/** Opens a socket to a door, which says nothing. */
async function knock(
  door: Door,
  port: number,
  path: string,
): Promise<Socket> {
  const socket = door === "unix" ? connect(path) : connect(port, HOST);
  socket.on("error", () => {});
  await new Promise<void>((resolve) => {
    socket.once("connect", resolve);
    socket.once("close", () => resolve());
  });
  return socket;
}

function shortage(door: Door): ProcessCase {
  return {
    name: `a listener without descriptors goes on when there are some: ${door}`,
    run: () =>
      withListener(door, async (child, port, path) => {
        await pause(STARTED);
        await askForEcho(door, port, path);
        const crowd: Socket[] = [];
        for (let i = 0; i < CROWD; i++) {
          crowd.push(await knock(door, port, path));
        }
        await pause(SHORTAGE);
        const errors = child.lines.filter((line) => line.startsWith("error"));
        for (const socket of crowd) socket.destroy();
        await assertServed(door, port, path);
        await assertServed(door, port, path);
        // A server of `node:http` is the caller's: nothing is reported there.
        const isOwn = !door.startsWith("upgradeNode");
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
function reset(door: Door, socket: Socket): void {
  if (door === "unix") socket.destroy();
  else socket.resetAndDestroy();
}

/** Connections that are reset, and how many of them at a time before the listener looks at any. */
const RESETS = 500;
const AT_A_TIME = 100;

function resets(door: Door): ProcessCase {
  return {
    name:
      `connections that are reset before they are accepted cost nothing: ${door}`,
    run: () =>
      withListener(door, async (child, port, path) => {
        await askForEcho(door, port, path);
        for (let count = 0; count < RESETS; count += AT_A_TIME) {
          child.signal("SIGSTOP");
          for (let i = 0; i < AT_A_TIME; i++) {
            reset(door, await knock(door, port, path));
          }
          child.signal("SIGCONT");
          await assertServed(door, port, path);
        }
        for (let i = 0; i < RESETS; i++) {
          reset(door, await knock(door, port, path));
        }
        await assertServed(door, port, path);
        assert.equal(child.lines.length, 1, String(child.lines));
      }),
  };
}

/** The maximum by which the memory of a process may grow that is flooded and does not read. */
const MAX_GROWTH = 16 * MIB;
const MESSAGE = new Uint8Array(65_536);

type Role = "accepts" | "dials";

function flood(role: Role, door: Door): ProcessCase {
  return {
    name:
      `a flood that nobody reads costs little memory, and nothing is lost: ${door}, the flooded end ${role}`,
    async run() {
      const path = newPath();
      const args = [door, role, path];
      const incoming = Promise.withResolvers<Connection>();
      const own = role === "dials"
        ? await openDoor(door, path, {
          accepted: (socket) => incoming.resolve(new Connection(socket)),
          error: incoming.reject,
        })
        : undefined;
      if (own !== undefined) args.push(String(own.port));
      const child = new Child("flooded.ts", args);
      try {
        if (role === "accepts") {
          const port = Number(await child.says(/^port (\d+)/, START));
          const [url, options] = targetOf(door, port, path);
          incoming.resolve(new Connection(await dialRaw(url, options)));
        }
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
  ...DOORS.map(shortage),
  ...DOORS.map(resets),
  ...DOORS.filter((door) => door !== "reusePort").map((door) =>
    flood("accepts", door)
  ),
  ...(["tcp", "tls", "unix"] as const).map((door) => flood("dials", door)),
];
