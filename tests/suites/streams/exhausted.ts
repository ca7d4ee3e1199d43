// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * A listener in a process with few descriptors: prints its port, then each error that says that there are none, and each
 * connection that was accepted. `exhausted.ts tcp|tls|reusePort|unix`
 *
 * @module
 */

import { listen } from "../../../mod.ts";
import {
  SERVER_CERT,
  SERVER_KEY,
} from "../../../transport/_support/certificates.ts";

const [kind = "tcp", path = ""] = Deno.args;
const listener = listen({
  handshakeTimeout: 0,
  ...(kind !== "unix" && { hostname: "127.0.0.1" }),
  ...(kind === "tls" && { tls: { cert: SERVER_CERT, key: SERVER_KEY } }),
  ...(kind === "reusePort" && { reusePort: true }),
  ...(kind === "unix" && { path }),
});
await listener.ready;
console.log(`port ${listener.port}`);
void (async () => {
  for await (const { error, remoteAddr } of listener.errors) {
    if (remoteAddr === undefined) console.log(`error ${error.message}`);
  }
})();
for await (const incoming of listener) {
  incoming.accept();
  console.log("accepted");
}
