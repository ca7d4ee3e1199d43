import { attach } from "./driver.mjs";
import { select } from "./http.mjs";

function handleOf(socket) {
  return {
    send: (data) => socket.send(data, true),
    ping: (payload) => socket.ping(payload),
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
  };
}

export default {
  version: `Bun ${Bun.version}`,
  connect(url, { protocols, compression }, hooks) {
    const socket = new WebSocket(url, {
      protocols,
      perMessageDeflate: compression,
    });
    const handle = attach(socket, hooks);
    handle.ping = (payload) => socket.ping(payload);
    handle.terminate = () => socket.terminate();
    socket.addEventListener("pong", ({ data }) => hooks.pong(data));
  },
  listen({ compression, protocols }, accept) {
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request, server) {
        const offered = request.headers.get("sec-websocket-protocol") ?? "";
        const protocol = select(offered.split(/ *, */), protocols) ?? "";
        const { pathname } = new URL(request.url);
        server.upgrade(request, {
          data: { hooks: accept(pathname), protocol },
          headers: protocol ? { "sec-websocket-protocol": protocol } : {},
        });
      },
      websocket: {
        perMessageDeflate: compression,
        idleTimeout: 0,
        maxPayloadLength: 2 ** 21,
        open(socket) {
          socket.data.hooks.open(handleOf(socket), socket.data.protocol, "");
        },
        message: (socket, data) => socket.data.hooks.message(data),
        pong: (socket, payload) => socket.data.hooks.pong(payload),
        close: (socket, code, reason) => socket.data.hooks.close(code, reason),
      },
    });
    return server.port;
  },
};
