/** Our own servers as a peer, to stand behind a proxy. Runs on Deno. */
import { openAcceptor } from "../_support/acceptor.ts";

async function attach(connection, socket, hooks) {
  const handle = {
    send: (data) => connection.send(data),
    close: (code, reason) =>
      code === undefined ? socket.close() : connection.close(code, reason),
    terminate: () => connection.terminate(),
    fragments(pieces, binary) {
      const type = binary ? "binary" : "text";
      const stream = ReadableStream.from(pieces);
      // Small enough that every message of more than one byte has fragments.
      const chunkSize = pieces.length > 10 ? 100 : 1;
      return connection.sendStream(stream, { type, chunkSize });
    },
    async ping(payload) {
      await connection.ping();
      hooks.pong(payload);
    },
  };
  hooks.open(handle, connection.protocol, connection.extensions);
  for await (const message of connection.incoming) {
    // A connection that ends rejects what was still to be sent.
    await Promise.resolve(hooks.message(message)).catch(() => {});
  }
  const { code, reason, clean } = await connection.closed;
  hooks.close(code, reason, clean);
}

export default {
  version: "Honeybee",
  async listen({ acceptor, port, tls }, accept) {
    const opened = await openAcceptor(acceptor, {
      port,
      tls,
      onConnection: (id, connection, socket) =>
        attach(connection, socket, accept(`/${id}`)),
    });
    return opened.port;
  },
};
