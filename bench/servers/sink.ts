/** Reads all messages of a pool of inbound peers, and does nothing with them. @module */
import { InboundPool, listen } from "../../mod.ts";
import { announce } from "./settings.ts";

const pool = new InboundPool("sink");
const listener = listen({ hostname: "127.0.0.1" });
announce(listener.addr);
(async () => {
  let count = 0;
  for await (const incoming of listener) {
    pool.add(`peer-${count++}`, incoming.accept());
  }
})();
for await (const batch of pool.inbox.batches()) {
  if (batch.length === 0) throw new Error("An empty batch");
}
