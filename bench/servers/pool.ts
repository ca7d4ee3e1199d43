/** Echo through an inbound pool: one loop over one inbox. @module */
import { InboundPool, listen } from "../../mod.ts";
import { announce, settings } from "./settings.ts";

const { binary, compression, tls } = settings();
const pool = new InboundPool("echo", {});
const listener = listen({
  hostname: "127.0.0.1",
  binary,
  compression,
  tls,
  maxMessageSize: 16 << 20,
});
announce(listener.addr);
(async () => {
  let count = 0;
  for await (const incoming of listener) {
    pool.add(`peer-${count++}`, incoming.accept());
  }
})();
// Not awaited: the loop goes on with the others while the buffer of a peer is full.
if (Deno.args.includes("--items")) {
  for await (const { id, data } of pool.inbox) pool.send(id, data);
}
for await (const batch of pool.inbox.batches()) {
  for (const { id, data } of batch) pool.send(id, data);
}
