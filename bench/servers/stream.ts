/** Echo of bytes over one kind of byte stream: `stream.ts deno|node [--cert FILE --key FILE]`. @module */
import { DenoStream } from "../../transport/net/deno/deno_stream.ts";
import { NodeListener } from "../../transport/net/node/node_listener.ts";
import { DenoListener } from "../../transport/net/deno/deno_listener.ts";
import type {
  ByteStream,
  ByteStreamHandler,
} from "../../transport/net/stream/byte_stream.ts";
import type { StreamListenerOptions } from "../../transport/net/stream/stream_options.ts";
import { announce, settings } from "./settings.ts";

const hostname = "127.0.0.1";
const { tls } = settings();
const usesDeno = Deno.args[0] === "deno";

/** Writes what it reads, and reads on when that is written. */
class Echo implements ByteStreamHandler {
  readonly #stream: ByteStream;

  constructor(stream: ByteStream) {
    this.#stream = stream;
    stream.attach(this);
    stream.resume();
  }

  data(bytes: Uint8Array, borrowed: boolean): void {
    const kept = borrowed ? bytes.slice() : bytes;
    if (!this.#stream.write(kept)) this.#stream.pause();
  }

  drain(): void {
    this.#stream.resume();
  }

  end(): void {
    this.#stream.destroy();
  }

  writeError(): void {
    this.#stream.destroy();
  }

  error(): void {}
}

if (usesDeno && tls !== undefined) {
  const listener = Deno.listenTls({ hostname, port: 0, ...tls });
  announce({ transport: "tcp", hostname, port: listener.addr.port });
  for await (const conn of listener) new Echo(new DenoStream(conn));
}

const options: StreamListenerOptions = {
  hostname,
  port: 0,
  path: undefined,
  tls,
  reusePort: false,
  handshakeTimeout: 0,
  maxPending: 100_000,
  onError() {},
};
const listener = usesDeno
  ? new DenoListener(options)
  : new NodeListener(options);
await listener.ready;
announce(listener.addr);
for (;;) {
  const accepted = await listener.accept();
  if (accepted === undefined) break;
  new Echo(accepted.stream);
}
