// deno-lint-ignore-file no-console -- its result goes to standard output
// A program of a Node.js user: every entry point of the installed package, over real sockets.
import { createServer } from "node:http";
import { once } from "node:events";
import {
  Connection,
  InboundPool,
  listen,
  OutboundPool,
  upgradeNode,
} from "@honeybee/honeybee";
import { InboundPool as Inbound } from "@honeybee/honeybee/inbound";
import { OutboundPool as Outbound } from "@honeybee/honeybee/outbound";
import { acceptKey } from "@honeybee/honeybee/protocol";
import { FakeClock, socketPair } from "@honeybee/honeybee/testing";
import { RawSocket } from "@honeybee/honeybee/transport";

function check(condition, what) {
  if (!condition) throw new Error(what);
  console.log(`${what} ... ok`);
}

async function echo(pool) {
  for await (const { id, data } of pool.inbox) pool.trySend(id, data);
}

async function roundTrip(url, message) {
  const connection = new Connection(url, { compression: true });
  await connection.connect();
  await connection.send(message);
  const answer = await connection.incoming.take();
  const latency = await connection.ping();
  const end = await connection.close(4_000, "done");
  check(
    String(answer) === String(message) && latency >= 0 && end.clean,
    `a round trip over ${new URL(url).protocol} with a ${typeof message}`,
  );
}

check(Inbound === InboundPool && Outbound === OutboundPool, "one module each");
check(
  acceptKey("dGhlIHNhbXBsZSBub25jZQ==") === "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
  "the protocol core",
);

const pool = new InboundPool("server");
void echo(pool);
const listener = listen({ hostname: "127.0.0.1", compression: true });
await listener.ready;
let count = 0;
void (async () => {
  for await (const incoming of listener) {
    pool.add(`listen-${count++}`, incoming.accept());
  }
})();
const server = createServer((_, response) => response.end("hello"));
server.on("upgrade", (request, socket, head) => {
  pool.add(`http-${count++}`, upgradeNode(request, socket, head));
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = server.address();

for (const at of [listener.port, port]) {
  await roundTrip(`ws://127.0.0.1:${at}/`, "hello, жук 🐝");
  await roundTrip(`ws://127.0.0.1:${at}/`, new Uint8Array(100_000).fill(7));
}
const page = await fetch(`http://127.0.0.1:${port}/`);
check(await page.text() === "hello", "HTTP on the same port");

const client = new OutboundPool("client");
const url = client.connect(`ws://127.0.0.1:${listener.port}/`);
await client.whenConnected(url);
client.trySend(url, "from the pool");
const message = await client.inbox.take();
check(message?.data === "from the pool", "an outbound pool");
await client.close();

const pair = socketPair({ clock: new FakeClock() });
check(pair.client !== undefined && RawSocket.length > 0, "the testing module");
await listener.close();
await pool.close();
server.close();
