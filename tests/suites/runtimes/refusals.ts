/** Calls that must fail, and how they fail. */

import assert from "node:assert/strict";
import { createServer } from "node:net";
import {
  ConfigError,
  dialNative,
  dialRaw,
  listen,
  upgrade,
} from "../../../mod.ts";
import { type Checks, HOST, pause, start } from "./echo.ts";

export const refusalChecks: Checks = {
  async "what is refused, and how"() {
    const nobody = `ws://${HOST}:1`;
    for (const dialer of [dialRaw, dialNative]) {
      await assert.rejects(dialer(nobody), { code: "dial-failed" });
      const reason = new Error("no more");
      const signal = AbortSignal.abort(reason);
      await assert.rejects(dialer(nobody, { signal }), reason);
    }
    const silent = await start(createServer(() => {}));
    const url = `ws://${HOST}:${silent.port}`;
    for (const dialer of [dialRaw, dialNative]) {
      await assert.rejects(dialer(url, { handshakeTimeout: 50 }), {
        code: "timeout",
      });
    }
    // As long as it listens, no other socket can have the port.
    const late = await (async () => {
      try {
        const listener = listen({ hostname: HOST, port: silent.port });
        await listener.ready;
      } catch (error) {
        return error;
      }
    })();
    assert(late instanceof Error);
    // Bun's `close` waits for connections that no code can reach.
    await Promise.race([silent.close(), pause(200)]);
  },

  async "upgrade is Deno.serve's"() {
    // On Deno it takes over the request.
    if ("Deno" in globalThis) return;
    await Promise.resolve();
    const request = new Request("http://localhost/", {
      headers: {
        host: "localhost",
        upgrade: "websocket",
        connection: "upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
    });
    assert.throws(() => upgrade(request), ConfigError);
  },
};
