import { socketPair } from "../../testing/mod.ts";
import { Connection } from "../../transport/connection/connection.ts";
import type { InboundPool } from "../pool.ts";

/** A peer's end of a pair whose other end is in a pool. */
export function addPeer(pool: InboundPool, id: string): Connection {
  const { client, server } = socketPair();
  pool.add(id, server);
  return new Connection(client);
}
