// deno-lint-ignore-file no-console -- its result goes to standard output
/**
 * Idle connections of a client, and what each costs this process: `idle.ts PORT pool|native CONNECTIONS`.
 *
 * @module
 */
import { dialRaw, OutboundPool } from "../../mod.ts";
import { memoryOf } from "../process.ts";

const [port, kind, connections] = Deno.args;
const count = Number(connections);
const SETTLE_MS = 3_000;
const pool = new OutboundPool("client", { dialer: dialRaw });
const sockets: WebSocket[] = [];

async function open(from: number, to: number): Promise<void> {
  const opened = [];
  for (let i = from; i < to; i++) {
    const url = `ws://127.0.0.1:${port}/${i}`;
    if (kind === "native") opened.push(openNative(url));
    else opened.push(pool.whenConnected(pool.connect(url)));
    // A backlog that overflows costs seconds.
    if (opened.length % 64 === 0) await Promise.all(opened.slice(-64));
  }
  await Promise.all(opened);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}

function openNative(url: string): Promise<void> {
  const socket = new WebSocket(url);
  sockets.push(socket);
  return new Promise((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = reject;
  });
}

await open(0, 64);
const before = memoryOf(Deno.pid);
await open(64, count / 2);
const half = memoryOf(Deno.pid);
await open(count / 2, count);
const all = memoryOf(Deno.pid);
console.log(JSON.stringify({
  kibEach: (all - before) / (count - 64),
  kibOneMore: (all - half) / (count / 2),
}));
Deno.exit(0);
