/** Echo through an inbound pool over the runtime's own sockets, behind `Deno.serve`. @module */
import { InboundPool, upgrade } from "../../mod.ts";
import { announce, settings } from "./settings.ts";

const { tls } = settings();
const pool = new InboundPool("echo");
let count = 0;
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  ...tls,
  onListen: ({ hostname, port }) =>
    announce({ transport: "tcp", hostname, port }),
}, (request) => {
  const { socket, response } = upgrade(request, { maxMessageSize: 16 << 20 });
  pool.add(`peer-${count++}`, socket);
  return response;
});
for await (const batch of pool.inbox.batches()) {
  for (const { id, data } of batch) pool.send(id, data);
}
