/**
 * Runs the examples as their users would: `deno task suite examples`.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Connection } from "@honeybee/honeybee";
import { finalizeEvent, generateSecretKey } from "nostr-tools/pure";
import { Relay, useWebSocketImplementation } from "nostr-tools/relay";
import { freePort } from "./_support/install.ts";
import { output, Running } from "./_support/running.ts";

const decoder = new TextDecoder();

Deno.test("The echo server answers the echo client, and drains when interrupted", async () => {
  await using server = new Running(["--allow-net"], "echo_server", []);
  const url = await server.says(/ws:\/\/127\.0\.0\.1:\d+/);
  const said = await output(["--allow-net"], "echo_client", [
    url,
    "hello",
    "wörld 🐝",
  ]);
  assertStringIncludes(said, "permessage-deflate");
  assertStringIncludes(said, "hello\nwörld 🐝\n");
  await server.interrupt();
});

Deno.test("The demo ends in time, and finds nothing wrong", async () => {
  const start = performance.now();
  const said = await output(["--allow-net"], "demo", []);
  assertStringIncludes(said, "All messages on connections that stayed open");
  assertStringIncludes(said, "lets 12 of them go");
  assert(performance.now() - start < 20_000, "It took more than 20 s");
});

Deno.test("The demo's halves talk to each other and to others, and drain when interrupted", async () => {
  const port = freePort();
  await using server = new Running(["--allow-net"], "demo", [
    "--serve",
    `${port}`,
  ]);
  const url = await server.says(/ws:\/\/127\.0\.0\.1:\d+/);
  const said = await output(["--allow-net"], "echo_client", [url, "hello"]);
  assertStringIncludes(said, "hello\n");
  await using client = new Running(["--allow-net"], "demo", ["--connect", url]);
  await client.says(/36\/36 connected/);
  await client.interrupt();
  await server.interrupt();
});

Deno.test("The metrics of the OpenTelemetry example reach a collector", async () => {
  const names = new Set<string>();
  const all = Promise.withResolvers<void>();
  await using collector = Deno.serve(
    { port: 0, hostname: "127.0.0.1" },
    async (request) => {
      const text = await request.text();
      for (const [name] of text.matchAll(/honeybee\.pool\.\w+/g)) {
        names.add(name);
      }
      if (names.size === 17) all.resolve();
      return Response.json({});
    },
  );
  await using metered = new Running(
    ["--allow-net", "--allow-env"],
    "otel",
    [],
    {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_METRIC_EXPORT_INTERVAL: "200",
    },
  );
  await all.promise;
  await metered.interrupt();
});

Deno.test("The extended workers talk to each other", async () => {
  await using server = new Running(["--allow-net"], "extend_rate_limit", []);
  const url = await server.says(/ws:\/\/127\.0\.0\.1:\d+/);
  assertEquals(
    await output(["--allow-net"], "extend_worker", [url, "c"]),
    "c\n",
  );
  await using connection = new Connection(url, { retry: false });
  await connection.connect();
  const start = performance.now();
  for (let i = 0; i < 13; i++) await connection.send(String(i));
  for (let i = 0; i < 13; i++) {
    assertEquals(await connection.incoming.take(), String(i));
  }
  assert(performance.now() - start > 250, "The last three have to wait");
  await connection.close();
  await server.interrupt();
});

Deno.test("Peers without a token are closed with 4401, others are answered", async () => {
  await using server = new Running(["--allow-net"], "extend_admission", [
    "0",
    "letmein",
  ]);
  const url = await server.says(/ws:\/\/127\.0\.0\.1:\d+/);
  const ends: number[] = [];
  for (const token of ["letmein", "guess"]) {
    await using connection = new Connection(url, { retry: false });
    await connection.connect();
    await connection.send(token);
    if (token === "letmein") {
      await connection.send("hello");
      assertEquals(await connection.incoming.take(), "hello");
      await connection.close();
    }
    ends.push((await connection.closed).code);
  }
  assertEquals(ends, [1000, 4401]);
  await server.interrupt();
});

for (const name of ["chat", "node_http"]) {
  Deno.test(`${name} serves HTTP and WebSockets on one port`, async () => {
    await using server = new Running(["--allow-net"], name, []);
    const url = await server.says(/http:\/\/127\.0\.0\.1:\d+/);
    const chat = `${url.replace("http", "ws")}/chat`;
    const said = await output(["--allow-net"], "echo_client", [chat, "hello"]);
    assertStringIncludes(said, "hello\n");
    const response = await fetch(`${url}/stats`);
    assertEquals(response.status, 200);
    await response.body?.cancel();
    await server.interrupt();
  });
}

Deno.test("The relay serves nostr-tools, and the client reads it", async () => {
  await using server = new Running(["--allow-net"], "nostr_relay", []);
  const url = await server.says(/ws:\/\/127\.0\.0\.1:\d+/);
  useWebSocketImplementation(WebSocket);
  const relay = await Relay.connect(url);
  const note = (content: string) =>
    finalizeEvent({
      kind: 1,
      created_at: Math.floor(Date.now() / 1_000),
      tags: [],
      content,
    }, generateSecretKey());
  await relay.publish(note("a note from elsewhere"));
  const found = await new Promise<string>((resolve) => {
    let content = "";
    const subscription = relay.subscribe([{ kinds: [1] }], {
      onevent: (event) => content = event.content,
      oneose: () => {
        subscription.close();
        resolve(content);
      },
    });
  });
  assertEquals(found, "a note from elsewhere");
  // Another relay that does not speak Nostr does no harm.
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const odd = Deno.serve({ hostname: "127.0.0.1", port: 0 }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onmessage = () => {
      socket.send("<html>");
      resolve();
    };
    return response;
  });
  await using client = new Running(["--allow-net"], "nostr_client", [
    `ws://127.0.0.1:${odd.addr.port}`,
    url,
  ]);
  await client.says(/a note from elsewhere/);
  await asked;
  await relay.publish(note("another note"));
  await client.says(/another note/);
  await client.interrupt();
  await odd.shutdown();
  relay.close();
  await server.interrupt();
});

Deno.test("tls trusts its own authority", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { code } = await new Deno.Command("openssl", {
      args: [
        ..."req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
          .split(" "),
        ..."-addext subjectAltName=DNS:localhost,IP:127.0.0.1".split(" "),
        ..."-addext basicConstraints=critical,CA:FALSE".split(" "),
        ...`-keyout ${folder}/key.pem -out ${folder}/cert.pem`.split(" "),
      ],
      stderr: "null",
    }).output();
    assertEquals(code, 0);
    const files = [
      `${folder}/cert.pem`,
      `${folder}/cert.pem`,
      `${folder}/key.pem`,
    ];
    assertStringIncludes(
      await output(["--allow-net", "--allow-read"], "tls", files),
      "over TLS",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("proxy goes through a proxy with credentials", async () => {
  await using server = new Running(["--allow-net"], "echo_server", []);
  const url = await server.says(/ws:\/\/127\.0\.0\.1:\d+/);
  const asked: string[] = [];
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const serving = (async () => {
    for await (const conn of listener) {
      const buffer = new Uint8Array(4_096);
      const count = await conn.read(buffer) ?? 0;
      asked.push(decoder.decode(buffer.subarray(0, count)));
      const [hostname = "", port = ""] = asked[0]?.split(" ")[1]?.split(":") ??
        [];
      const target = await Deno.connect({ hostname, port: Number(port) });
      await conn.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
      await Promise.allSettled([
        conn.readable.pipeTo(target.writable),
        target.readable.pipeTo(conn.writable),
      ]);
    }
  })();
  const proxy = `http://user:secret@127.0.0.1:${listener.addr.port}`;
  const said = await output(["--allow-net"], "proxy", [proxy, url, "through"]);
  assertStringIncludes(said, "through");
  assertStringIncludes(
    asked[0] ?? "",
    `Proxy-Authorization: Basic ${btoa("user:secret")}`,
  );
  listener.close();
  await serving;
  await server.interrupt();
});

Deno.test("deploy passes messages on in both directions, and ends within 5 s", async () => {
  await using relay = new Running(["--allow-net"], "echo_server", []);
  const upstream = await relay.says(/ws:\/\/127\.0\.0\.1:\d+/);
  const port = freePort();
  await using server = new Running(
    ["--allow-net", "--allow-env"],
    "deploy",
    [],
    {
      UPSTREAM: upstream,
      DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}`,
    },
  );
  await server.says(/connected/);
  await using connection = new Connection(`ws://127.0.0.1:${port}`, {
    pingInterval: 0,
  });
  await connection.connect();
  await connection.send("up and down");
  assertEquals(await connection.incoming.take(), "up and down");
  await server.interrupt();
  await relay.interrupt();
});

Deno.test("scale_out passes messages between processes through Redis", {
  ignore: missing("redis-server"),
}, async () => {
  const redisPort = freePort();
  const redis = new Deno.Command("redis-server", {
    args: ["--port", String(redisPort), "--bind", "127.0.0.1", "--save", ""],
    stdout: "null",
  }).spawn();
  try {
    const port = String(freePort());
    const flags = ["--allow-net", "--allow-env", "--allow-read"];
    const args = [port, `redis://127.0.0.1:${redisPort}`];
    await using one = new Running(flags, "scale_out", args);
    await using two = new Running(flags, "scale_out", args);
    await one.says(/listens/);
    await two.says(/listens/);
    const connections = await Promise.all(
      Array.from({ length: 16 }, async () => {
        const connection = new Connection(`ws://127.0.0.1:${port}`);
        await connection.connect();
        return connection;
      }),
    );
    // Each process has a peer, or else the system distributes nothing.
    const heard = new Set<string>();
    for (const [i, connection] of connections.entries()) {
      await connection.send(`from ${i}`);
      for (const other of connections) {
        const text = String(await other.incoming.take());
        assertStringIncludes(text, `from ${i}`);
        heard.add(text.split(":")[0] ?? "");
      }
    }
    assertEquals(heard.size, 2);
    await Promise.all(connections.map((connection) => connection.close()));
    await Promise.all([one.interrupt(), two.interrupt()]);
  } finally {
    redis.kill();
    await redis.status;
  }
});

Deno.test("browser serves a page that talks to the pool", {
  ignore: missing("chromium"),
}, async () => {
  await using server = new Running(["--allow-net"], "browser", []);
  const url = await server.says(/http:\/\/127\.0\.0\.1:\d+/);
  const folder = await Deno.makeTempDir();
  try {
    // The page counts as connected when another peer receives its message.
    await using connection = new Connection(url.replace("http", "ws"), {
      headers: { origin: url },
    });
    await connection.connect();
    const browser = new Deno.Command("chromium", {
      args: [
        ..."--headless --no-sandbox --disable-gpu --disable-quic".split(" "),
        ..."--no-first-run --disable-background-networking".split(" "),
        ..."--disable-component-update --disable-sync".split(" "),
        `--user-data-dir=${folder}`,
        url,
      ],
      stdout: "null",
      stderr: "null",
    }).spawn();
    const heard = await connection.incoming.take();
    browser.kill();
    await browser.status;
    assertEquals(heard, "someone: the page says hello");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  await server.interrupt();
});

/** Whether a program is missing; prints that. */
function missing(program: string): boolean {
  const { success } = new Deno.Command("which", {
    args: [program],
    stdout: "null",
  }).outputSync();
  // deno-lint-ignore no-console -- a reader of the output should know
  if (!success) console.log(`skipped: ${program} is not installed`);
  return !success;
}
