/** Echo by the runtime's own server. @module */
import { announce, settings } from "./settings.ts";

const { tls } = settings();
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  ...tls,
  onListen: ({ hostname, port }) =>
    announce({ transport: "tcp", hostname, port }),
}, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => socket.send(data);
  return response;
});
