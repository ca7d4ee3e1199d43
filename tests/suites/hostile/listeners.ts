// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * Listeners of every kind in a process of their own, whose descriptors can be used up. Says their ports, then after
 * each line of the standard input how often each error was reported since the last one.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import { createServer, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import {
  InboundPool,
  listen,
  type ListenOptions,
  upgradeNode,
} from "../../../mod.ts";
import {
  SERVER_CERT,
  SERVER_KEY,
} from "../../../transport/_support/certificates.ts";
import { Tally } from "./control.ts";

// Deno panics if the descriptors are used up before its own first signal handler, which it registers some time after the
// start. A handler that is registered here comes first.
Deno.addSignalListener("SIGHUP", () => Deno.exit());
const [path = ""] = Deno.args;
const hostname = "127.0.0.1";
const pool = new InboundPool("listeners");
let errors = new Tally();
let count = 0;
const id = () => `peer-${count++}`;

function open(options: ListenOptions): number {
  const listener = listen({
    // A client that sends nothing keeps its descriptor during the attack.
    handshakeTimeout: 60_000,
    maxPending: 10_000,
    ...options,
  });
  void pool.serve(listener, { id });
  void (async () => {
    for await (const { error } of listener.errors) {
      errors.add(`${error.message} ${error.cause ?? ""}`);
    }
  })();
  return listener.addr.transport === "tcp" ? listener.port : 0;
}

const tcp = open({ hostname });
const tls = open({ hostname, tls: { cert: SERVER_CERT, key: SERVER_KEY } });
const reusePort = open({ hostname, reusePort: true });
open({ path });
const server = createServer();
server.on(
  "upgrade",
  (request: IncomingMessage, stream: Duplex, head: Buffer) =>
    pool.add(id(), upgradeNode(request, stream, head)),
);
await new Promise<void>((resolve) => server.listen(0, hostname, resolve));
const address = server.address();
const node = typeof address === "object" ? address?.port ?? 0 : 0;
void (async () => {
  for await (const _ of pool.inbox);
})();
console.log(JSON.stringify({ ports: { tcp, tls, reusePort, node } }));
for await (const _ of Deno.stdin.readable) {
  console.log(JSON.stringify({ errors: errors.counts }));
  errors = new Tally();
}
