/**
 * The library with the limits of Deno Deploy, on this version of Deno and on the one that Deno Deploy documents:
 * `deno task suite deploy`.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Connection, InboundPool, listen } from "@honeybee/honeybee";
import {
  CA,
  SERVER_CERT,
  SERVER_KEY,
} from "../../transport/_support/certificates.ts";
import { freePort, install } from "./_support/install.ts";
import { ROOT } from "./_support/running.ts";

/** The version that Deno Deploy documents, and the lowest that the library supports. */
const OLDEST = "2.5.0";
/** How long a process has from SIGINT to SIGKILL, in milliseconds. */
const GRACE = 5_000;

const HANDSHAKE = [
  "GET / HTTP/1.1",
  "Host: 127.0.0.1",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
  "Sec-WebSocket-Version: 13",
  "\r\n",
].join("\r\n");

interface Runtime extends AsyncDisposable {
  run(
    program: string,
    env: Record<string, string>,
    stdout: "piped" | "null",
  ): Deno.ChildProcess;
}

async function runtime(version: string | undefined): Promise<Runtime> {
  const folder = await Deno.makeTempDir();
  const deno = version === undefined
    ? Deno.execPath()
    : await install(folder, `deno@${version}`, "@deno/linux-x64-glibc/deno");
  const imports = {
    "@honeybee/honeybee": `${ROOT}mod.ts`,
    "@honeybee/honeybee/websocket": `${ROOT}websocket/mod.ts`,
  };
  const config = `${folder}/deno.json`;
  await Deno.writeTextFile(config, JSON.stringify({ imports }));
  return {
    run: (program, env, stdout) =>
      new Deno.Command(deno, {
        args: ["run", "-A", `--config=${config}`, program],
        cwd: `${ROOT}tests/suites/deploy`,
        env: { NO_COLOR: "1", DENO_TLS_CA_STORE: "system", ...env },
        stdout,
        stderr: "inherit",
      }).spawn(),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Interrupts a process, which then has to end in time and without an error. */
async function interrupt(child: Deno.ChildProcess): Promise<void> {
  const start = performance.now();
  child.kill("SIGINT");
  const kill = setTimeout(() => child.kill("SIGKILL"), GRACE);
  assertEquals((await child.status).code, 0);
  clearTimeout(kill);
  assert(performance.now() - start < GRACE);
}

async function dial(url: string): Promise<Connection> {
  const connection = new Connection(url, {
    retry: { initialDelay: 50, maxDelay: 50, maxRetries: 200 },
  });
  await connection.connect();
  return connection;
}

/** A server, plain or with TLS, and how the connections that it had were closed by their clients. */
async function server(tls?: { cert: string; key: string }) {
  const closes: string[] = [];
  const listener = listen({ hostname: "127.0.0.1", ...(tls && { tls }) });
  const pool = new InboundPool("server", {
    onEvent: ({ closeCode, reason }) => closes.push(`${closeCode} ${reason}`),
  });
  void pool.serve(listener);
  await listener.ready;
  return {
    port: listener.port,
    pool,
    closes,
    [Symbol.asyncDispose]: async () => {
      await listener.close();
      await pool.close();
    },
  };
}

for (const version of [undefined, OLDEST]) {
  const name = version ?? "this version";
  Deno.test(`Deno Deploy, ${name}: pools and the class work, and SIGINT closes all connections in time`, async () => {
    await using plain = await server();
    await using secure = await server({ cert: SERVER_CERT, key: SERVER_KEY });
    await using deno = await runtime(version);
    const port = freePort();
    const child = deno.run("program.ts", {
      DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}`,
      TLS_PORT: String(secure.port),
      UPSTREAM: `ws://127.0.0.1:${plain.port}/`,
      CA,
    }, "piped");
    const output = child.stdout.pipeThrough(new TextDecoderStream());
    let said = "";
    for await (const text of output.values({ preventCancel: true })) {
      said += text;
      if (said.includes("ready")) break;
    }
    assertMatch(said, /pool connected\n/);
    assertMatch(said, /class connected\n/);
    assertMatch(said, /cannot listen: Cannot listen on 127\.0\.0\.1/);

    const page = await fetch(`http://127.0.0.1:${port}`);
    assertEquals(await page.text(), "page");
    const peer = await dial(`ws://127.0.0.1:${port}`);
    await peer.send("echo");
    assertEquals(await peer.incoming.take(), "echo");
    for (const [kind, { pool }] of Object.entries({ plain, secure })) {
      for (const id of pool.peers) pool.trySend(id, kind);
      assertEquals(await peer.incoming.take(), kind);
    }
    // A peer that answers nothing, not even the close frame.
    const mute = await Deno.connect({ hostname: "127.0.0.1", port });
    await mute.write(new TextEncoder().encode(HANDSHAKE));
    await mute.read(new Uint8Array(1_024));

    await interrupt(child);
    assertEquals((await peer.closed).code, 1001);
    await output.cancel();
    mute.close();
    for (const { closes } of [plain, secure]) {
      assertEquals(closes.sort(), [
        "1000 class",
        "1001 The pool is closing",
      ]);
    }
  });
}

Deno.test(`Deno Deploy, ${OLDEST}: the example and upgrade work`, async () => {
  await using deno = await runtime(OLDEST);
  const upgrades = deno.run("upgrade.ts", {}, "null");
  assertEquals((await upgrades.status).code, 0);
  const port = freePort();
  const child = deno.run("example.ts", {
    DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}`,
  }, "null");
  await using connection = await dial(`ws://127.0.0.1:${port}`);
  await connection.send("hello");
  assertEquals(await connection.incoming.take(), "hello");
  await interrupt(child);
});
