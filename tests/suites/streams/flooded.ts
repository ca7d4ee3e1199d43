// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * One end of a connection that does not read what the other end floods it with, and then reads all of it:
 * `flooded.ts KIND accepts PATH` or `flooded.ts KIND dials PATH PORT`. Prints its port, its memory in the meantime, and what it received.
 *
 * @module
 */

import process, { memoryUsage } from "node:process";
import { Connection, dialRaw } from "../../../mod.ts";
import { pause } from "../../../transport/net/_support/settled.ts";
import { LISTENER_KINDS, startListening, targetOf } from "./listener_kinds.ts";

/** Milliseconds of the flood, and between two looks at the memory. */
const FLOOD = 3_000;
const LOOK = 100;

const [, , name, role, path = "", port] = process.argv;
const kind = LISTENER_KINDS.find((kind) => kind === name) ?? "tcp";

if (role === "dials") {
  const [url, options] = targetOf(kind, Number(port), path);
  const connection = new Connection(await dialRaw(url, options));
  console.log("connected");
  await withstand(connection);
} else {
  let isFirst = true;
  const own = await startListening(kind, path, {
    accepted(socket) {
      const connection = new Connection(socket);
      if (isFirst) void withstand(connection);
      isFirst = false;
    },
    error: ({ message }) => console.log(`error ${message}`),
  });
  console.log(`port ${own.port}`);
}

async function withstand(connection: Connection): Promise<void> {
  // The first megabytes warm the runtime up: what its heap grows by then is no part of what waits.
  let received = 0;
  for (let i = 0; i < 100; i++) received += await next(connection);
  await pause(200);
  const before = memory();
  console.log("flood");
  let highest = 0;
  for (let at = 0; at < FLOOD; at += LOOK) {
    await pause(LOOK);
    highest = Math.max(highest, memory());
  }
  console.log(`grew ${Math.max(0, highest - before)}`);
  for (;;) {
    const size = await next(connection);
    if (size === 0) break;
    received += size;
  }
  console.log(`received ${received}`);
}

/** Returns the size of the next message; 0 at the end. */
async function next({ incoming }: Connection): Promise<number> {
  const message = await incoming.take();
  return message === undefined ? 0 : message.length;
}

function memory(): number {
  const gc: unknown = Reflect.get(globalThis, "gc");
  if (typeof gc === "function") gc();
  return memoryUsage().rss;
}
