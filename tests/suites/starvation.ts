// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * How the runtime serves thousands of busy sockets, without this library: each peer writes and waits for the echo. After
 * some seconds, counts the peers that got an echo in the last second.
 *
 * `deno task suite starvation [PEERS] [SECONDS]`
 *
 * @module
 */

const [peers = 4_000, seconds = 8] = Deno.args.map(Number);
const HOST = "127.0.0.1";
const listener = Deno.listen({ hostname: HOST, port: 0 });
const { port } = listener.addr;
/** When each peer was last answered. */
const answered = new Float64Array(peers);

async function echo(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(64);
  for (;;) {
    const count = await conn.read(buffer) ?? 0;
    await conn.write(buffer.subarray(0, count));
  }
}

async function ask(conn: Deno.Conn, peer: number): Promise<void> {
  const buffer = new Uint8Array(64);
  for (;;) {
    await conn.write(buffer.subarray(0, 9));
    await conn.read(buffer);
    answered[peer] = performance.now();
  }
}

const conns: Deno.Conn[] = [];
for (let i = 0; i < peers; i++) {
  conns.push(await Deno.connect({ hostname: HOST, port }));
  void echo(await listener.accept());
}
conns.forEach((conn, peer) => void ask(conn, peer));
setTimeout(() => {
  const since = performance.now() - 1_000;
  const served = answered.filter((at) => at > since).length;
  console.log(`${served} of ${peers} were answered in the last second`);
  Deno.exit();
}, seconds * 1_000);
