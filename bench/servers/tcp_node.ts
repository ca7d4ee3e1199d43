/** Echo of plain bytes over `node:net`: the best that a server on `node:http` can reach. @module */
import { createServer } from "node:net";
import { tell } from "./settings.ts";

const server = createServer({ noDelay: true }, (socket) => {
  // The load resets what is in flight when it is done.
  socket.on("error", () => socket.destroy());
  socket.on("data", (bytes) => socket.write(bytes));
});
server.listen(0, "127.0.0.1", () => {
  const addr = server.address();
  if (typeof addr === "object" && addr !== null) {
    tell({ transport: "tcp", hostname: "127.0.0.1", port: addr.port });
  }
});
