/** Echo by the runtime's own server. @module */
import { settings, tell } from "./settings.ts";

const { tls } = settings();
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  ...tls,
  onListen: ({ hostname, port }) => tell({ transport: "tcp", hostname, port }),
}, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => socket.send(data);
  return response;
});
