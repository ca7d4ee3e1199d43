/** Echo through an inbound pool over the sockets of `node:http`, HTTP on the same port. @module */
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { InboundPool, upgradeNode } from "../../mod.ts";
import { announce, settings } from "./settings.ts";

const { binary, compression, tls } = settings();
const pool = new InboundPool("echo");
let count = 0;
const server = tls === undefined ? createServer() : createTlsServer(tls);
server.on("upgrade", (request, socket, head) => {
  const peer = upgradeNode(request, socket, head, {
    binary,
    compression,
    maxMessageSize: 16 << 20,
  });
  pool.add(`peer-${count++}`, peer);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object" && address !== null) {
    announce({ transport: "tcp", hostname: "127.0.0.1", port: address.port });
  }
});
for await (const batch of pool.inbox.batches()) {
  for (const { id, data } of batch) pool.send(id, data);
}
