// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * TLS with a certificate authority of your own: a server with its certificate, and a client that trusts that authority
 * in addition to those of the runtime.
 *
 * `deno run --allow-net --allow-read examples/tls.ts CA.pem CERT.pem KEY.pem`
 *
 * @module
 */

import { Connection, InboundPool, listen } from "@honeybee/honeybee";

const [ca, cert, key] = Deno.args.map((path) => Deno.readTextFileSync(path));
if (ca === undefined || cert === undefined || key === undefined) {
  throw new TypeError(
    "Name the files of the authority, the certificate and its key",
  );
}
await using listener = listen({ hostname: "127.0.0.1", tls: { cert, key } });
await using pool = new InboundPool("tls");

void pool.serve(listener);
// Fails if the port is in use.
await listener.ready;

const { port } = listener;
await using connection = new Connection(`wss://localhost:${port}`, {
  caCerts: [ca],
  // Fails at once if the server cannot be reached.
  retry: false,
});
await connection.connect();
await connection.send("over TLS");
const message = await pool.inbox.take();
console.log(message?.data);
