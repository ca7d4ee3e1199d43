/**
 * Takes away from this process what Deno Deploy lacks: listening on a port of its own by any interface, and plain TCP to
 * port 443. `Deno.connectTls` to port 443 is redirected to the port in `TLS_PORT`, which stands in for the network.
 *
 * Given with `--preload`, or imported before anything else.
 *
 * @module
 */

import { Server, Socket } from "node:net";

const { connect, connectTls } = Deno;
const tlsPort = Number(Deno.env.get("TLS_PORT"));

function replace(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true });
}

function refuse(): never {
  throw new Deno.errors.NotSupported("Nothing can listen here");
}

for (const name of ["listen", "listenTls", "listenDatagram"]) {
  replace(Deno, name, refuse);
}
replace(Server.prototype, "listen", refuse);

replace(
  Deno,
  "connect",
  (options: Deno.ConnectOptions) =>
    options.port === 443
      ? Promise.reject(new Deno.errors.PermissionDenied("Use Deno.connectTls"))
      : connect(options),
);
replace(Deno, "connectTls", (options: Deno.ConnectTlsOptions) => {
  if (options.port !== 443) return connectTls(options);
  return connectTls({ ...options, port: tlsPort });
});

const connectSocket = Socket.prototype.connect;
replace(
  Socket.prototype,
  "connect",
  function (this: Socket, ...args: unknown[]) {
    // Whichever form the arguments have, the port is in them.
    if (!/\b443\b/.test(Deno.inspect(args, { depth: 3 }))) {
      return Reflect.apply(connectSocket, this, args);
    }
    const error = new Deno.errors.PermissionDenied("Use Deno.connectTls");
    queueMicrotask(() => this.destroy(error));
    return this;
  },
);
