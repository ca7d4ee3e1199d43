/**
 * Every option of an accepting side that is a function, given one that does what it should not: each has an outcome, the process lives, and
 * the other peers notice nothing. The compiler asks for an entry when an option is added.
 */

import { assertEquals } from "@std/assert";
import { createServer } from "node:http";
import { once } from "node:events";
import {
  type AcceptOptions,
  InboundPool,
  type InboundPoolOptions,
  listen,
  type ListenOptions,
  type ServeOptions,
  type UpgradeOptions,
} from "../mod.ts";
import type { AcceptedPeer } from "../inbound/mod.ts";
import { eventually } from "../testing/mod.ts";
import {
  echo,
  HOST,
  knock,
  OBSERVER,
  oddly,
  PACE,
  type Table,
  table,
} from "./_support/callbacks.ts";

// Decisions about security refuse; a subprotocol that cannot be chosen is none.
const CHOICES: Table<AcceptOptions> = {
  origins: "403",
  protocols: { rest: "500", "returns undefined": "connected" },
};

table<AcceptOptions>("accept of a listener", CHOICES, async (name, act) => {
  const pool = new InboundPool("pool");
  echo(pool);
  const listener = listen({ hostname: HOST });
  void (async () => {
    for await (const incoming of listener) {
      const odd = incoming.request.url.endsWith("/odd");
      try {
        pool.add(
          crypto.randomUUID(),
          incoming.accept(odd ? { [name]: act } : {}),
        );
      } catch {
        // The peer has been refused.
      }
    }
  })();
  const outcome = await knock(listener.port, "/odd");
  assertEquals(await knock(listener.port, "/good"), "connected");
  await pool.close();
  await listener.close();
  return outcome;
});

table<AcceptOptions>("upgradeNode", CHOICES, async (name, act) => {
  const pool = new InboundPool("pool");
  echo(pool);
  const server = createServer();
  server.on("upgrade", (request, socket, head) => {
    const odd = request.url?.endsWith("/odd");
    try {
      pool.upgradeNode(request, socket, head, {
        id: crypto.randomUUID(),
        ...(odd && { [name]: act }),
      });
    } catch {
      // The peer has been refused.
    }
  });
  server.listen(0, HOST);
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port ?? 0 : 0;
  const outcome = await knock(port, "/odd");
  assertEquals(await knock(port, "/good"), "connected");
  await pool.close();
  server.close();
  await once(server, "close");
  return outcome;
});

table<UpgradeOptions>("upgrade", CHOICES, async (name, act) => {
  const pool = new InboundPool("pool");
  echo(pool);
  const server = Deno.serve(
    { hostname: HOST, port: 0, onListen() {} },
    (request) =>
      pool.upgrade(request, {
        id: crypto.randomUUID(),
        ...(request.url.endsWith("/odd") && { [name]: act }),
      }),
  );
  const { port } = server.addr;
  const outcome = await knock(port, "/odd");
  assertEquals(await knock(port, "/good"), "connected");
  await pool.close();
  await server.shutdown();
  return outcome;
});

table<ServeOptions>("serve", {
  accept: {
    rest: "500",
    "returns a promise of true": "connected",
  },
  id: { rest: "500", "returns a string": "connected" },
  onAccepted: OBSERVER,
}, async (name, act) => {
  const pool = new InboundPool("pool");
  echo(pool);
  const listener = listen({ hostname: HOST });
  let count = 0;
  const good = () => name === "id" ? `good-${count++}` : true;
  const serving = pool.serve(listener, {
    timeout: 50,
    [name]: name === "onAccepted"
      ? ({ incoming }: AcceptedPeer) => oddly(act, good)(incoming)
      : oddly(act, good),
  });
  const outcome = await knock(listener.port, "/odd");
  assertEquals(await knock(listener.port, "/good"), "connected");
  const logged = outcome === "connected" && pool.errors.size > 0;
  await pool.close();
  await listener.close();
  await serving;
  return logged ? `${outcome}, logged` : outcome;
});

table<ListenOptions>("listen", {
  ...CHOICES,
  onRequest: {
    rest: "500",
    "returns undefined": "426",
    "never settles": "cut",
  },
}, async (name, act) => {
  const pool = new InboundPool("pool");
  echo(pool);
  const listener = listen({
    hostname: HOST,
    handshakeTimeout: name === "onRequest" ? 500 : 10_000,
    [name]: name === "onRequest" ? oddly(act, () => ({ status: 204 })) : act,
  });
  const serving = pool.serve(listener);
  const get = async (path: string) => {
    const answer = await fetch(`http://${HOST}:${listener.port}${path}`)
      .catch(() => undefined);
    await answer?.body?.cancel();
    return `${answer?.status ?? "cut"}`;
  };
  const outcome = name === "onRequest"
    ? await get("/odd")
    : await knock(listener.port, "/odd");
  if (name === "onRequest") {
    assertEquals(await get("/good"), "204");
    assertEquals(await knock(listener.port, "/good"), "connected");
  }
  await pool.close();
  await listener.close();
  await serving;
  return outcome;
});

table<InboundPoolOptions>("inbound pool", {
  onEvent: OBSERVER,
  workerFactory: "refused",
}, async (name, act) => {
  const pool = new InboundPool("pool", { connection: PACE, [name]: act });
  echo(pool);
  const listener = listen({ hostname: HOST });
  const serving = pool.serve(listener);
  const came = await knock(listener.port, "/odd");
  await eventually(() => pool.peers.length === 0);
  await pool.close();
  await listener.close();
  await serving;
  await new Promise((resolve) => setTimeout(resolve, 0));
  return name === "workerFactory"
    ? came === "connected" || pool.errors.size === 0 ? came : "refused"
    : pool.errors.size > 0
    ? `${came}, logged`
    : came;
});
