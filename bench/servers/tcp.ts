/** Echo of plain bytes: what there is to be had at best. @module */
import { tell } from "./settings.ts";

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const { hostname, port } = listener.addr;
tell({ transport: "tcp", hostname, port });
for await (const conn of listener) void echo(conn);

async function echo(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay(true);
  const buffer = new Uint8Array(131_072);
  try {
    for (;;) {
      const count = await conn.read(buffer);
      if (count === null) break;
      for (let at = 0; at < count;) {
        at += await conn.write(buffer.subarray(at, count));
      }
    }
  } catch {
    // The load resets what is in flight when it is done.
  }
  conn.close();
}
