import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import FayeWebSocket from "faye-websocket";
import deflate from "permessage-deflate";
import { serve } from "./http.mjs";

const { version } = createRequire(import.meta.url)(
  "faye-websocket/package.json",
);

function attach(socket, hooks) {
  const handle = {
    send: (data) =>
      socket.send(typeof data === "string" ? data : Buffer.from(data)),
    ping: (payload) => socket.ping(payload, () => hooks.pong(payload)),
    close: (code, reason) => socket.close(code, reason),
  };
  const open = () => hooks.open(handle, socket.protocol, "");
  socket.on("open", open);
  socket.on("message", ({ data }) => hooks.message(data));
  socket.on("close", ({ code, reason }) => hooks.close(code, reason));
  socket.on("error", (error) => hooks.error(error));
}

function optionsOf({ compression }) {
  return { extensions: compression ? [deflate] : [] };
}

export default {
  version: `faye-websocket ${version}`,
  connect(url, options, hooks) {
    const { protocols } = options;
    attach(new FayeWebSocket.Client(url, protocols, optionsOf(options)), hooks);
  },
  listen(options, accept) {
    return serve((request, socket, head) => {
      attach(
        new FayeWebSocket(
          request,
          socket,
          head,
          options.protocols,
          optionsOf(options),
        ),
        accept(request.url),
      );
    }).port;
  },
};
