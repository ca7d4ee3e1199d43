import { assert } from "@std/assert";
import { eventually } from "../eventually.ts";
import { FaultProxy, type FaultProxyOptions } from "../fault_proxy.ts";

export const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** A connection through a proxy: what `client` writes `peer` reads, and the other way round. */
export async function throughProxy(options: FaultProxyOptions = {}) {
  const stack = new AsyncDisposableStack();
  const server = stack.use(Deno.listen(LOCAL));
  const proxy = stack.use(await FaultProxy.listen(server.addr, options));
  const connect = async () => {
    const [client, peer] = await Promise.all([
      Deno.connect(proxy.addr),
      server.accept(),
    ]);
    for (const end of [client, peer]) stack.defer(() => closeQuietly(end));
    const connection = await eventually(() =>
      proxy.connections.at(-1) ?? false
    );
    assert(connection !== false);
    return { client, peer, connection };
  };
  return {
    server,
    proxy,
    connect,
    ...await connect(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function closeQuietly(end: { close(): void }): void {
  try {
    end.close();
  } catch {
    // Closed by the test itself.
  }
}

export function bytes(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => i % 251);
}

export async function write(conn: Deno.Conn, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length;) {
    at += await conn.write(data.subarray(at));
  }
}

/** Reads so many bytes, or less when the stream ends before. */
export async function read(
  conn: Deno.Conn,
  count: number,
): Promise<Uint8Array> {
  const data = new Uint8Array(count);
  let at = 0;
  while (at < count) {
    const got = await conn.read(data.subarray(at));
    if (got === null) break;
    at += got;
  }
  return data.subarray(0, at);
}

/** Whether a read comes to its end meanwhile. */
export function watch(conn: Deno.Conn): { done: boolean } {
  const watched = { done: false };
  const done = () => {
    watched.done = true;
  };
  conn.read(new Uint8Array(1)).then(done, done);
  return watched;
}
