import { ConnectionError } from "../transport/base/errors.ts";
import type { Connection } from "../transport/connection/connection.ts";
import { lossOf } from "../transport/pool/close_frames.ts";
import type { SocketEnd } from "../transport/socket/socket.ts";
import type { InboundExit } from "./plugin.ts";

/**
 * Worker block: waits until a connection has ended, and returns how, for `plugin.onExit`.
 *
 * @param failure Returns why the worker closed the connection, `undefined` if it did not. Called at the end.
 */
export async function exitOf(
  connection: Connection,
  failure: () => Error | undefined = () => undefined,
): Promise<InboundExit> {
  const end = await connection.closed;
  return describeExit(end, failure() ?? await connection.errors.take());
}

/** Describes the end of a connection for `onExit`. */
export function describeExit(
  end: SocketEnd,
  error: Error | undefined,
): InboundExit {
  if (end.inactive) return { kind: "evicted-policy" };
  const code = error instanceof ConnectionError ? error.code : undefined;
  const { code: closeCode, reason } = end;
  if (error === undefined || code === "peer-closed-clean") {
    return { kind: "disconnected", closeCode, reason };
  }
  if (code === "peer-closed-unexpected") {
    return { kind: "dropped-close", closeCode, reason };
  }
  return {
    kind: "dropped-error",
    error,
    closeCode: lossOf(end.sent ?? end, error).closeCode,
  };
}
