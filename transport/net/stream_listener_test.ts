import { assert, assertEquals } from "@std/assert";
import { CA, SERVER_CERT, SERVER_KEY } from "../_support/certificates.ts";
import { systemClock } from "../base/clock.ts";
import { USES_DENO_CONN } from "./stream_choice.ts";
import { openStream } from "./open_stream.ts";
import { PullAdapter } from "./stream/pull_stream.ts";
import { listenForStreams } from "./stream_listener.ts";
import type {
  StreamListener,
  StreamListenerOptions,
} from "./stream/stream_options.ts";
import { pause } from "./_support/settled.ts";

const HOST = "127.0.0.1";
const TLS = { cert: SERVER_CERT, key: SERVER_KEY };

function listenHere(
  options: Partial<StreamListenerOptions>,
  errors: Error[],
): StreamListener {
  return listenForStreams({
    port: 0,
    hostname: HOST,
    path: undefined,
    tls: undefined,
    reusePort: false,
    handshakeTimeout: 5_000,
    maxPending: 1_000,
    onError: (error) => errors.push(error),
    ...options,
  });
}

function portOf({ addr }: StreamListener): number {
  assert(addr.transport === "tcp");
  return addr.port;
}

/** Blocks this thread until so many connections have come and have been reset. */
async function resetBeforeAccept(port: number, count: number): Promise<void> {
  const url = new URL("_support/resetting_peers.ts", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  const done = new Int32Array(new SharedArrayBuffer(4));
  worker.postMessage({ port, count, done });
  Atomics.wait(done, 0, 0, 20_000);
  assertEquals(done[0], 1);
  worker.terminate();
  await pause(0);
}

/** Accepts all, and sends back what they send. */
async function echoAll(listener: StreamListener): Promise<void> {
  for (;;) {
    const accepted = await listener.accept();
    if (accepted === undefined) return;
    const { stream } = accepted;
    stream.attach({
      data: (bytes) => void stream.write(bytes.slice()),
      end: () => stream.destroy(),
      drain() {},
      writeError() {},
      error() {},
    });
    stream.resume();
  }
}

/** Connects, and waits for an answer. */
async function askForEcho(port: number, isTls: boolean): Promise<void> {
  const { stream } = await openStream(
    new URL(`${isTls ? "wss" : "ws"}://${HOST}:${port}`),
    { caCerts: [CA] },
    new AbortController().signal,
    systemClock,
  );
  const adapter = new PullAdapter(stream);
  await adapter.write(new Uint8Array([1, 2, 3]));
  assertEquals(await adapter.read(new Uint8Array(9)), 3);
  adapter.close();
}

const LISTENERS: Record<string, Partial<StreamListenerOptions>> = {
  "TCP": {},
  "TLS": { tls: TLS },
  "reusePort": { reusePort: true },
  "Deno.Conn": {},
};

for (const [name, options] of Object.entries(LISTENERS)) {
  Deno.test(`connections that are reset before they are accepted cost nothing: ${name}`, async () => {
    USES_DENO_CONN["accept-tcp"] = name === "Deno.Conn";
    const errors: Error[] = [];
    const listener = listenHere(options, errors);
    USES_DENO_CONN["accept-tcp"] = false;
    await listener.ready;
    await resetBeforeAccept(portOf(listener), 120);
    const accepting = echoAll(listener);
    const started = performance.now();
    await askForEcho(portOf(listener), options.tls !== undefined);
    assert(performance.now() - started < 2_000);
    assertEquals(
      errors.filter(({ message }) => !message.includes("TLS handshake")),
      [],
    );
    listener.close();
    await accepting;
    assertEquals(await listener.accept(), undefined);
    await pause(20);
  });
}
