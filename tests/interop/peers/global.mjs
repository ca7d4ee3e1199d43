/** The runtime's own `WebSocket`, as browsers, Node and Deno have it. */
import { attach } from "./driver.mjs";

export function connect(url, { protocols }, hooks) {
  attach(new WebSocket(url, protocols), hooks);
}
