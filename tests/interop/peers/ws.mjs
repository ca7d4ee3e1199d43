import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { WebSocket, WebSocketServer } from "ws";
import { select, serve } from "./http.mjs";

const { version } = createRequire(import.meta.url)("ws/package.json");

function attach(socket, hooks) {
  const handle = {
    send: (data) => socket.send(data),
    ping: (payload) => socket.ping(payload),
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
    fragments(pieces, binary) {
      pieces.forEach((piece, i) => {
        const data = binary ? Buffer.from(piece) : piece;
        socket.send(data, { binary, fin: i === pieces.length - 1 });
      });
    },
  };
  socket.on("message", (data, binary) => {
    hooks.message(binary ? data : data.toString());
  });
  socket.on("pong", (payload) => hooks.pong(payload));
  socket.on("close", (code, reason) => hooks.close(code, reason));
  socket.on("error", (error) => hooks.error(error));
  const open = () => hooks.open(handle, socket.protocol, socket.extensions);
  if (socket.readyState === WebSocket.OPEN) open();
  else socket.on("open", open);
}

function deflate({ compression }) {
  return compression ? { threshold: 0 } : false;
}

export default {
  version: `ws ${version}`,
  connect(url, options, hooks) {
    const { protocols } = options;
    attach(
      new WebSocket(url, protocols, { perMessageDeflate: deflate(options) }),
      hooks,
    );
  },
  listen(options, accept) {
    const { server, port } = serve();
    new WebSocketServer({
      server,
      perMessageDeflate: deflate(options),
      handleProtocols: (offered) =>
        select([...offered], options.protocols) ?? false,
    }).on(
      "connection",
      (socket, request) => attach(socket, accept(request.url)),
    );
    return port;
  },
};
