// deno-lint-ignore-file no-console -- its result goes to standard output
// Many bytes through the stream that npm ws makes of a connection: ws_stream.mjs PORT MEBIBYTES.
import process from "node:process";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { createWebSocketStream, WebSocket } from "ws";

const [port, mebibytes] = process.argv.slice(2);
const CHUNK = Buffer.alloc(65_536);
const SAMPLE_MS = 20;

async function send(size) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/sink`);
  const out = createWebSocketStream(socket);
  const stream = Readable.from(function* () {
    for (let left = size / CHUNK.length; left > 0; left--) yield CHUNK;
  }());
  stream.pipe(out, { end: false });
  await finished(stream);
  while (socket.bufferedAmount > 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.terminate();
}

await send(32 << 20);
const before = process.memoryUsage().rss;
let most = before;
const timer = setInterval(() => {
  most = Math.max(most, process.memoryUsage().rss);
}, SAMPLE_MS);
const start = performance.now();
await send(Number(mebibytes) << 20);
const seconds = (performance.now() - start) / 1_000;
clearInterval(timer);
console.log(JSON.stringify({ seconds, grown: most - before }));
process.exit(0);
