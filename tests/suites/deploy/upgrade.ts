/**
 * What `upgrade` does for a request, on whatever version of Deno runs this. Ends with code 0 if all is well.
 *
 * @module
 */

import { ConfigError, dialRaw, refusal, upgrade } from "@honeybee/honeybee";

const given: { headers?: Record<string, string> } = {};
const thrown: unknown[] = [];
const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {} },
  (request) => {
    try {
      const { socket, response } = upgrade(request, {
        protocols: ["b"],
        ...given,
      });
      socket.write(socket.protocol);
      socket.close(1000);
      return response;
    } catch (error) {
      thrown.push(error);
      if (error instanceof ConfigError) {
        return new Response("", { status: 500 });
      }
      return refusal(error);
    }
  },
);
const url = `ws://127.0.0.1:${server.addr.port}`;

/** The subprotocols that both sides know. */
async function agreed(protocols: string[]): Promise<string[]> {
  const socket = await dialRaw(url, { protocols });
  const messages: string[] = [];
  socket.start({
    message: (data) => messages.push(String(data)) > 0,
    ping: () => {},
    pong: () => {},
    drain: () => {},
    end: () => {},
  });
  await socket.closed;
  return [socket.protocol, ...messages];
}

function expect(what: string, actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a} is not ${b}`);
}

expect("a subprotocol", await agreed(["a", "b"]), ["b", "b"]);
expect("no subprotocol", await agreed(["a"]), ["", ""]);
const plain = await fetch(url.replace("ws", "http"));
expect("a refusal", [plain.status, (await plain.json()).status], [426, 426]);
given.headers = { "x-more": "yes" };
const more = await dialRaw(url).then(
  ({ response }) => response?.headers.get("x-more"),
  ({ status }) => status,
);
// Where the runtime does not allow it, it is refused before the upgrade.
const isRefused = thrown.at(-1) instanceof ConfigError;
expect("headers", more, isRefused ? 500 : "yes");
await server.shutdown();
