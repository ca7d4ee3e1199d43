/** Echo through bare connections, a loop each. @module */
import { Connection, listen, type Socket } from "../../mod.ts";
import { announce, settings } from "./settings.ts";

const { binary, compression, tls } = settings();
const listener = listen({
  hostname: "127.0.0.1",
  binary,
  compression,
  tls,
  maxMessageSize: 16 << 20,
});
announce(listener.addr);
for await (const incoming of listener) void echo(incoming.accept());

async function echo(socket: Socket) {
  const connection = new Connection(socket);
  for await (const batch of connection.incoming.batches()) {
    for (const message of batch) connection.send(message);
  }
}
