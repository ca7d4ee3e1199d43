import { assert } from "@std/assert";
import { Connection } from "../../transport/connection/connection.ts";
import { HandshakeError } from "../../transport/handshake/errors.ts";

/** Dials once. Resolves to the open connection, or to the status of the refusal. */
export async function dialOnce(
  url: string,
  origin?: string,
): Promise<Connection | number | undefined> {
  const connection = new Connection(url, {
    retry: false,
    headers: origin === undefined ? {} : { origin },
  });
  try {
    await connection.connect();
    return connection;
  } catch (error) {
    await connection.close();
    const cause = error instanceof Error ? error.cause : undefined;
    return cause instanceof HandshakeError ? cause.status : undefined;
  }
}

/** The connection of a dial that must have succeeded. */
export function open(dialled: Connection | number | undefined): Connection {
  assert(dialled instanceof Connection, `refused with ${dialled}`);
  return dialled;
}
