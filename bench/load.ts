// deno-lint-ignore-file no-console -- its result goes to its standard output
/**
 * Load for an echo server: some connections, each with a number of messages in
 * flight. Cheap, so that it is not what is measured: frames are encoded once, answers
 * are counted by their bytes, and looked at now and then.
 *
 * @module
 */

import { cpuUsage } from "node:process";
import { DeflateClient } from "./deflate_client.ts";
import { frame } from "./frame.ts";
import { cpuOf } from "./process.ts";

/** What to do. */
export interface LoadOptions {
  readonly hostname: string;
  readonly port: number;
  readonly kind: "websocket" | "tcp";
  readonly type: "binary" | "text" | "json";
  readonly connections: number;
  /** Bytes of a message's payload. */
  readonly size: number;
  /** Messages in flight on each connection. */
  readonly window: number;
  readonly warmup: number;
  readonly seconds: number;
  /** The server's, to see what it costs. */
  readonly pid: number;
  /** PEM of the certificate to trust, for TLS. */
  readonly caCert?: string;
  /** With permessage-deflate: texts of JSON, and answers are counted by their frames. */
  readonly deflate?: boolean;
}

/** What came of it. */
export interface LoadResult {
  readonly messages: number;
  readonly seconds: number;
  /** Part of a core that the load itself took. */
  readonly loadCpu: number;
  /** Part of a core that the server took. */
  readonly serverCpu: number;
  /** Answers that were compared byte by byte. */
  readonly checked: number;
  /** Percentiles of the time between a message and its answer, in milliseconds, where they were measured. */
  readonly p50?: number;
  readonly p99?: number;
}

const CHECK_EVERY = 256;

/** A payload of about `size` bytes, always the same. */
export function makePayload(
  type: LoadOptions["type"],
  size: number,
): Uint8Array {
  if (type === "binary") {
    return Uint8Array.from({ length: size }, (_, i) => (i * 31 + 7) & 0xff);
  }
  const text = type === "text"
    ? "The quick brown fox jumps over the lazy dog. "
    : '{"id":1234,"näme":"Жук 🐝","tags":["a","b"],"text":"quick"},';
  const bytes = new TextEncoder().encode(text.repeat(size / 40 + 2));
  let end = size;
  // A character must not be torn.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.slice(0, end);
}

function repeat(bytes: Uint8Array, count: number): Uint8Array {
  const whole = new Uint8Array(bytes.length * count);
  for (let i = 0; i < count; i++) whole.set(bytes, i * bytes.length);
  return whole;
}

/** Where to connect to. */
export type Target = Pick<
  LoadOptions,
  "hostname" | "port" | "kind" | "caCert" | "deflate"
>;

/** Opens a connection; of a WebSocket server, with the handshake done. */
export async function open(options: Target): Promise<Deno.Conn> {
  const { hostname, port, caCert } = options;
  const tcp = await Deno.connect({ hostname, port });
  tcp.setNoDelay(true);
  const conn = caCert === undefined
    ? tcp
    : await Deno.startTls(tcp, { hostname: "localhost", caCerts: [caCert] });
  if (options.kind === "tcp") return conn;
  const key = btoa("0123456789abcdef");
  await conn.write(
    new TextEncoder().encode(
      `GET / HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n${
        options.deflate
          ? "Sec-WebSocket-Extensions: permessage-deflate\r\n"
          : ""
      }\r\n`,
    ),
  );
  let head = "";
  const buffer = new Uint8Array(4_096);
  while (!head.endsWith("\r\n\r\n")) {
    const count = await conn.read(buffer);
    if (count === null) throw new Error("The server did not upgrade");
    head += new TextDecoder().decode(buffer.subarray(0, count));
  }
  if (!head.startsWith("HTTP/1.1 101")) throw new Error(head);
  return conn;
}

class Client {
  static messages = 0;
  static checked = 0;
  readonly #conn: Deno.Conn;
  readonly #out: Uint8Array;
  readonly #outSize: number;
  readonly #expected: Uint8Array;
  readonly #inSize: number;
  #received = 0;
  #reads = 0;

  constructor(
    conn: Deno.Conn,
    out: Uint8Array,
    expected: Uint8Array,
    window: number,
  ) {
    this.#conn = conn;
    this.#outSize = out.length;
    this.#out = repeat(out, window);
    this.#inSize = expected.length;
    this.#expected = repeat(expected, 2);
  }

  async run(): Promise<void> {
    void this.#send(this.#out);
    const buffer = new Uint8Array(
      Math.max(65_536, Math.min(262_144, this.#inSize)),
    );
    for (;;) {
      const count = await this.#conn.read(buffer).catch(() => null);
      if (count === null) return;
      if (this.#reads++ % CHECK_EVERY === 0) {
        this.#check(buffer.subarray(0, count));
      }
      const before = Math.floor(this.#received / this.#inSize);
      this.#received += count;
      const done = Math.floor(this.#received / this.#inSize) - before;
      if (done === 0) continue;
      Client.messages += done;
      void this.#send(this.#out.subarray(0, done * this.#outSize));
    }
  }

  async #send(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) {
        at += await this.#conn.write(at === 0 ? bytes : bytes.subarray(at));
      }
    } catch {
      // It is over.
    }
  }

  /** What came must be what was sent, from the place in the message where it begins. */
  #check(bytes: Uint8Array): void {
    let place = this.#received % this.#inSize;
    for (const byte of bytes.subarray(0, this.#inSize)) {
      if (byte !== this.#expected[place]) {
        throw new Error(`Byte ${place} of an answer is not what was sent`);
      }
      place++;
    }
    Client.checked++;
  }
}

async function run(options: LoadOptions): Promise<LoadResult> {
  const payload = makePayload(options.type, options.size);
  const opcode = options.type === "binary" ? 2 : 1;
  const plain = options.kind === "tcp";
  // Plain TCP echoes the same bytes that a WebSocket peer would be sent.
  const out = frame(opcode, payload, !plain);
  const expected = frame(opcode, payload, false);
  const conns = await Promise.all(
    Array.from({ length: options.connections }, () => open(options)),
  );
  const clients = conns.map((conn) =>
    options.deflate
      ? new DeflateClient(
        conn,
        options.size,
        options.window,
        () => void Client.messages++,
      )
      : new Client(conn, out, expected, options.window)
  );
  const running = clients.map((client) => client.run());
  const pause = (seconds: number) =>
    Promise.race([
      new Promise((resolve) => setTimeout(resolve, seconds * 1_000)),
      Promise.all(running),
    ]);
  await pause(options.warmup);
  const messages = Client.messages;
  const own = cpuUsage();
  const server = cpuOf(options.pid);
  const start = performance.now();
  await pause(options.seconds);
  const seconds = (performance.now() - start) / 1_000;
  const used = cpuUsage(own);
  const result: LoadResult = {
    messages: Client.messages - messages,
    seconds,
    loadCpu: (used.user + used.system) / 1e6 / seconds,
    serverCpu: (cpuOf(options.pid) - server) / seconds,
    // The first answer of each connection is compared.
    checked: options.deflate ? conns.length : Client.checked,
  };
  for (const conn of conns) conn.close();
  return result;
}

if (import.meta.main) {
  const options: LoadOptions = JSON.parse(Deno.args[0] ?? "{}");
  console.log(JSON.stringify(await run(options)));
  Deno.exit(0);
}
