import { attach } from "./driver.mjs";
import { connect } from "./global.mjs";
import { select } from "./http.mjs";

export default {
  version: `Deno ${Deno.version.deno}`,
  connect,
  listen({ protocols }, accept) {
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => {
        const offered = request.headers.get("sec-websocket-protocol") ?? "";
        const protocol = select(offered.split(/ *, */), protocols);
        const { socket, response } = Deno.upgradeWebSocket(request, {
          idleTimeout: 0,
          ...(protocol === undefined ? {} : { protocol }),
        });
        const { pathname } = new URL(request.url);
        // The socket of a server does not show its protocol.
        attach(socket, accept(pathname), protocol ?? "");
        return response;
      },
    );
    return server.addr.port;
  },
};
