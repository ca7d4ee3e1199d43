// deno-lint-ignore-file no-console -- its port goes to its standard output
// Echo by npm ws, in Node or in Deno.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import process from "node:process";
import { WebSocketServer } from "ws";

const args = process.argv.slice(2);
const value = (flag) => args[args.indexOf(flag) + 1];
const perMessageDeflate = args.includes("--deflate")
  ? { threshold: 0, zlibDeflateOptions: { level: 1 } }
  : false;
const options = { perMessageDeflate, maxPayload: 16 << 20 };
let server;
if (args.includes("--cert")) {
  const https = createServer({
    cert: readFileSync(value("--cert")),
    key: readFileSync(value("--key")),
  });
  server = new WebSocketServer({ ...options, server: https });
  https.listen(0, "127.0.0.1", () => announce(https.address().port));
} else {
  server = new WebSocketServer({ ...options, host: "127.0.0.1", port: 0 });
  server.on("listening", () => announce(server.address().port));
}
server.on("connection", (socket) => {
  socket.on(
    "message",
    (data, isBinary) => socket.send(data, { binary: isBinary }),
  );
  socket.on("error", () => {});
});

function announce(port) {
  console.log(JSON.stringify({ port }));
}
