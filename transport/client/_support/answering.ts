/** What the tests of dialers share: servers that answer by hand. */

import { utf8 } from "../../_support/bytes.ts";
import { acceptKey } from "../../handshake/agreement.ts";

export const HOST = "127.0.0.1";

/** A server that answers each connection as the test says. */
export function serve(answer: (conn: Deno.TcpConn, head: string) => unknown) {
  const listener = Deno.listen({ hostname: HOST, port: 0 });
  const heads: string[] = [];
  const done = (async () => {
    for await (const conn of listener) {
      try {
        const head = await readHead(conn);
        heads.push(head);
        await answer(conn, head);
      } catch {
        // The client has gone.
      }
    }
  })();
  return {
    port: listener.addr.port,
    url: `ws://${HOST}:${listener.addr.port}`,
    heads,
    async [Symbol.asyncDispose]() {
      listener.close();
      await done;
    },
  };
}

export async function readHead(conn: Deno.Conn): Promise<string> {
  const byte = new Uint8Array(1);
  let head = "";
  while (!head.endsWith("\r\n\r\n")) {
    if (await conn.read(byte) === null) break;
    head += String.fromCharCode(byte[0] ?? 0);
  }
  return head;
}

export function welcome(head: string, more = ""): Uint8Array {
  const key = /^sec-websocket-key: (.*)\r$/mi.exec(head)?.[1] ?? "";
  return utf8(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n${more}\r\n`,
  );
}

/** Answers once and ends the connection. */
export function saying(text: string) {
  return async (conn: Deno.Conn) => {
    await conn.write(utf8(text));
    conn.close();
  };
}

/** A peer that takes connections and never says anything. */
export function silent() {
  const listener = Deno.listen({ hostname: HOST, port: 0 });
  const conns: Deno.Conn[] = [];
  const done = (async () => {
    for await (const conn of listener) conns.push(conn);
  })();
  return {
    port: listener.addr.port,
    conns,
    async [Symbol.asyncDispose]() {
      listener.close();
      await done;
      for (const conn of conns) conn.close();
    },
  };
}
