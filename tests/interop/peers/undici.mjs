import { Buffer } from "node:buffer";
import { channel } from "node:diagnostics_channel";
import { createRequire } from "node:module";
import { Agent, ping, WebSocket } from "undici";
import { attach } from "./driver.mjs";

const { version } = createRequire(import.meta.url)("undici/package.json");
const hooksOf = new WeakMap();
channel("undici:websocket:pong").subscribe(({ websocket, payload }) =>
  hooksOf.get(websocket)?.pong(payload)
);
/** Trusts the certificates of the tests, and speaks HTTP/2 to a server that offers it. */
const dispatcher = new Agent({
  allowH2: true,
  connect: { rejectUnauthorized: false },
});

export default {
  version: `undici ${version}`,
  connect(url, { protocols }, hooks) {
    const socket = new WebSocket(url, { protocols, dispatcher });
    hooksOf.set(socket, hooks);
    attach(socket, hooks).ping = (payload) =>
      ping(socket, Buffer.from(payload));
  },
};
