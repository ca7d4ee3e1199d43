// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * A page that talks to an inbound pool: one port for both.
 *
 * `deno run --allow-net examples/browser.ts [PORT]`, and open what it prints.
 *
 * @module
 */

import { createServer } from "node:http";
import { InboundPool } from "@honeybee/honeybee";
import { CLOSE_TIMEOUT, interrupted, port } from "./interrupted.ts";

const PAGE = `<!doctype html>
<title>Honeybee</title>
<form><input autofocus> <button>Say</button></form>
<pre></pre>
<script>
  const show = (text) => document.querySelector("pre").append(text + "\\n");
  const socket = new WebSocket(location.href.replace(/^http/, "ws"));
  socket.onopen = () => socket.send("the page says hello");
  socket.onmessage = ({ data }) => show(data);
  socket.onclose = ({ code, reason }) => show("closed " + code + " " + reason);
  document.querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    socket.send(document.querySelector("input").value);
    event.target.reset();
  };
</script>`;

const signal = interrupted();
const connection = { closeTimeout: CLOSE_TIMEOUT };
const pool = new InboundPool("browser", { signal, connection });
const server = createServer((_request, response) => {
  response.setHeader("content-type", "text/html; charset=utf-8");
  response.end(PAGE);
});
let origin = "";
server.on("upgrade", (request, socket, head) => {
  pool.upgradeNode(request, socket, head, {
    id: crypto.randomUUID(),
    origins: [origin],
    compression: { threshold: 0 },
  });
});
server.listen(port(), "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") return;
  origin = `http://127.0.0.1:${address.port}`;
  console.log(origin);
});

for await (const { data } of pool.inbox) {
  for (const id of pool.peers) {
    // A peer that reads nothing for a second misses the message.
    pool.send(id, `someone: ${data}`, { timeout: 1_000 }).catch(() => {});
  }
}
await pool.closed;
server.close();
