// deno-lint-ignore-file no-console -- a suite speaks to its terminal
/**
 * Headless Chromium against `listen` and `upgradeNode`, with compression: a page exchanges
 * messages and reports the results.
 *
 * `deno task suite chromium`; says `skipped: reason` where there is no Chromium.
 *
 * @module
 */

import { createServer } from "node:http";
import { assert, assertEquals } from "@std/assert";
import { listen, type Socket, upgradeNode } from "../../mod.ts";
import { RecordingReader } from "../../testing/mod.ts";

const HOST = "127.0.0.1";
const PROGRAM = "chromium";
/** The maximum wait for the report of a browser, in milliseconds. */
const PATIENCE = 60_000;
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const OPTIONS = {
  compression: true,
  maxMessageSize: 20 * 1_048_576,
  fragmentSize: 16_384,
  protocols: ["echo"],
};

/** What the page does, as text that it gets with `WS` in place of the server's URL. */
const PAGE = `<!doctype html><script type="module">
const opened = (path, protocols) => new Promise((resolve, reject) => {
  const socket = new WebSocket("WS" + path, protocols);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => resolve(socket);
  socket.onerror = () => reject(new Error("It did not open: " + path));
});
const next = (socket, type) => new Promise((resolve) => {
  socket.addEventListener(type, resolve, { once: true });
});
const equal = (a, b) => typeof a === "string" ? a === b
  : a.byteLength === b.byteLength &&
    new Uint8Array(a).every((byte, i) => byte === b[i]);
const bytes = (size) => Uint8Array.from({ length: size }, (_, i) => i * 31 >> 3);
async function run() {
  const socket = await opened("/echo", ["other", "echo"]);
  const { extensions, protocol } = socket;
  const wrong = [];
  const sent = ["", "x", "\\u{1f41d}\\u{10ffff}\\ufeff", "\\u{1f36f}".repeat(100_000)];
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 16 * 1_048_576]) {
    sent.push(bytes(size));
  }
  for (const message of sent) {
    const answer = next(socket, "message");
    socket.send(message);
    const { data } = await answer;
    if (!equal(data, message)) wrong.push(message.length);
  }
  for (let i = 0; i < 1_000; i++) socket.send("number " + i);
  for (let i = 0; i < 1_000; i++) {
    const { data } = await next(socket, "message");
    if (data !== "number " + i) wrong.push(data);
  }
  const closing = next(socket, "close");
  socket.close(4001, "enough");
  const { code, reason, wasClean } = await closing;
  const other = await opened("/close", ["echo"]);
  const close = await next(other, "close");
  return {
    extensions, protocol, wrong, code, reason, wasClean,
    theirs: [close.code, close.reason, close.wasClean],
  };
}
run().catch((error) => ({ error: String(error) })).then((result) =>
  fetch("/result", { method: "POST", body: JSON.stringify(result) }));
</script>`;

/** What the servers saw. */
class Seen {
  readonly pongs: number[] = [];
  readonly closes: [number, string][] = [];

  /** Echoes, with a ping first; or closes at once. */
  serve(socket: Socket): void {
    const reader = new RecordingReader();
    reader.message = (data) => {
      socket.write(data, true);
      return true;
    };
    socket.start(reader);
    if (socket.url.endsWith("/close")) {
      socket.close(4002, "not today");
    } else {
      socket.ping(Uint8Array.of(1, 2, 3));
    }
    void socket.closed.then(({ code, reason }) => {
      this.pongs.push(reader.pongs.length);
      this.closes.push([code, reason]);
    });
  }
}

interface EchoServer {
  readonly url: string;
  close(): Promise<void>;
}

function listenServer(seen: Seen): Promise<EchoServer> {
  const listener = listen({ hostname: HOST, ...OPTIONS });
  const { addr } = listener;
  assert(addr.transport === "tcp");
  const serving = (async () => {
    for await (const incoming of listener) seen.serve(incoming.accept());
  })();
  return Promise.resolve({
    url: `ws://${HOST}:${addr.port}`,
    async close() {
      await listener.close();
      await serving;
    },
  });
}

async function nodeServer(seen: Seen): Promise<EchoServer> {
  const server = createServer();
  server.on("upgrade", (request, socket, head) => {
    seen.serve(upgradeNode(request, socket, head, OPTIONS));
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return {
    url: `ws://${HOST}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Opens the page in a browser, and returns the report of the page. */
async function browse(url: string): Promise<unknown> {
  const reported = Promise.withResolvers<unknown>();
  const server = Deno.serve(
    { hostname: HOST, port: 0, onListen: () => {} },
    async (request) => {
      if (request.method === "POST") reported.resolve(await request.json());
      return new Response(PAGE.replace("WS", url), {
        headers: { "content-type": "text/html; charset=utf-8" },
      });
    },
  );
  const profile = await Deno.makeTempDir();
  const browser = new Deno.Command(PROGRAM, {
    args: [
      ...FLAGS,
      `--user-data-dir=${profile}`,
      `http://${HOST}:${server.addr.port}/`,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const timer = setTimeout(
    () => reported.reject(new Error("The browser reported nothing")),
    PATIENCE,
  );
  try {
    return await reported.promise;
  } finally {
    clearTimeout(timer);
    browser.kill("SIGTERM");
    await browser.status;
    await server.shutdown();
    await Deno.remove(profile, { recursive: true }).catch(() => {});
  }
}

async function isThere(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(PROGRAM, {
      args: ["--version"],
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false;
  }
}

if (await isThere()) {
  for (
    const [name, serve] of [
      ["listen", listenServer],
      ["upgradeNode", nodeServer],
    ] as const
  ) {
    Deno.test(`Chromium talks to ${name} with compression`, async () => {
      const seen = new Seen();
      const server = await serve(seen);
      const result = await browse(server.url);
      assertEquals(result, {
        extensions: "permessage-deflate",
        protocol: "echo",
        wrong: [],
        code: 4001,
        reason: "enough",
        wasClean: true,
        theirs: [4002, "not today", true],
      });
      await server.close();
      assertEquals(seen.closes.toSorted(), [[4001, "enough"], [
        4002,
        "not today",
      ]]);
      assertEquals(seen.pongs.toSorted(), [0, 1]);
    });
  }
} else {
  console.log(`skipped: there is no ${PROGRAM} on this machine`);
}
