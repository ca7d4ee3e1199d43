/** Echo of plain bytes over `Deno.Conn`, and with TLS over `node:tls`: the best that a server on Deno can reach. @module */
import { createServer } from "node:tls";
import { announce, settings } from "./settings.ts";

const hostname = "127.0.0.1";
const { tls } = settings();
if (tls === undefined) {
  const listener = Deno.listen({ hostname, port: 0 });
  announce({ transport: "tcp", hostname, port: listener.addr.port });
  for await (const conn of listener) void echo(conn);
}

// Over `node:tls`, as Honeybee does: the runtime's own has Nagle's delay.
const server = createServer({ ...tls, noDelay: true }, (socket) => {
  socket.on("error", () => socket.destroy());
  socket.pipe(socket);
});
server.listen(0, hostname, () => {
  const addr = server.address();
  if (typeof addr === "object" && addr !== null) {
    announce({ transport: "tcp", hostname, port: addr.port });
  }
});

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
