import { createServer } from "node:http";

/** Serves upgrades on a free port of the loopback interface, and returns the port. */
export function serve(onUpgrade) {
  const server = createServer();
  if (onUpgrade !== undefined) server.on("upgrade", onUpgrade);
  const port = new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(server.address().port));
  });
  return { server, port };
}

/** The protocol that a server of the tests selects. */
export function select(offered, protocols) {
  return protocols.find((protocol) => offered.includes(protocol));
}
