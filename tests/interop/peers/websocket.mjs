import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import websocket from "websocket";
import { select, serve } from "./http.mjs";

const { version } = createRequire(import.meta.url)("websocket/package.json");
/** The protocol sends a message in fragments if it is longer than this. */
const FRAGMENT = 4_096;
const OPTIONS = {
  fragmentationThreshold: FRAGMENT,
  maxReceivedFrameSize: 2 ** 21,
  maxReceivedMessageSize: 2 ** 21,
  assembleFragments: true,
};

function attach(connection, hooks) {
  const handle = {
    send(data) {
      if (typeof data === "string") connection.sendUTF(data);
      else connection.sendBytes(Buffer.from(data));
    },
    ping: (payload) => connection.ping(payload),
    close: (code, reason) => connection.close(code, reason),
    terminate: () => connection.socket.destroy(),
    fragments(pieces, binary) {
      const message = pieces.join("");
      handle.send(binary ? Buffer.from(message) : message);
    },
  };
  connection.on("message", (message) => {
    hooks.message(
      message.type === "utf8" ? message.utf8Data : message.binaryData,
    );
  });
  connection.on("pong", (payload) => hooks.pong(payload));
  connection.on("close", (code, reason) => {
    // The library replaces an empty reason.
    const { [code]: replaced } = websocket.connection.CLOSE_DESCRIPTIONS;
    hooks.close(code, reason === replaced ? "" : reason ?? "");
  });
  connection.on("error", (error) => hooks.error(error));
  hooks.open(handle, connection.protocol ?? "", "");
}

export default {
  version: `websocket ${version}`,
  connect(url, { protocols }, hooks) {
    const client = new websocket.client(OPTIONS);
    client.on("connect", (connection) => attach(connection, hooks));
    client.on("connectFailed", (error) => hooks.error(error));
    client.connect(url, protocols);
  },
  listen({ protocols }, accept) {
    const { server, port } = serve();
    const listener = new websocket.server({ ...OPTIONS, httpServer: server });
    listener.on("request", (request) => {
      const protocol = select(request.requestedProtocols, protocols);
      attach(request.accept(protocol), accept(request.resource));
    });
    return port;
  },
};
