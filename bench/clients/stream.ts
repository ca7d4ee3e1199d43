// deno-lint-ignore-file no-console -- its result goes to standard output
/** One message of many bytes, sent as a stream to a sink: `stream.ts PORT MEBIBYTES`. @module */
import { Connection, dialRaw } from "../../mod.ts";

const [port, mebibytes] = Deno.args;
const CHUNK = new Uint8Array(65_536);
const SAMPLE_MS = 20;
const connection = new Connection(`ws://127.0.0.1:${port}/sink`, {
  dialer: dialRaw,
});
await connection.connect();
const stream = (size: number) => {
  let left = size / CHUNK.length;
  return new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (left-- > 0) controller.enqueue(CHUNK);
      else controller.close();
    },
  });
};
// The first one brings code and buffers to their size.
await connection.sendStream(stream(32 << 20));
const before = Deno.memoryUsage().rss;
let most = before;
const timer = setInterval(() => {
  most = Math.max(most, Deno.memoryUsage().rss);
}, SAMPLE_MS);
const start = performance.now();
await connection.sendStream(stream(Number(mebibytes) << 20));
const seconds = (performance.now() - start) / 1_000;
clearInterval(timer);
console.log(JSON.stringify({ seconds, grown: most - before }));
Deno.exit(0);
