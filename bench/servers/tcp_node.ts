/** Echo of plain bytes over `node:net` or `node:tls`: the best that `listen` and `upgradeNode` can reach. @module */
import { createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { announce, settings } from "./settings.ts";

const { tls } = settings();
const echo = (socket: Socket) => {
  // The load resets what is in flight when it is done.
  socket.on("error", () => socket.destroy());
  socket.on("data", (bytes) => socket.write(bytes));
};
const server = tls === undefined
  ? createServer({ noDelay: true }, echo)
  : createTlsServer({ ...tls, noDelay: true }, echo);
server.listen(0, "127.0.0.1", () => {
  const addr = server.address();
  if (typeof addr === "object" && addr !== null) {
    announce({ transport: "tcp", hostname: "127.0.0.1", port: addr.port });
  }
});
