import { onDeno } from "../base/runtime.ts";

/** Where streams come from. TLS has no choice: see docs/ARCHITECTURE.md. */
export type StreamSource =
  | "accept-tcp"
  | "accept-unix"
  | "connect-tcp"
  | "connect-unix";

/**
 * Whether `Deno.Conn` carries the streams of a source on Deno, instead of `node:net`. Mutable for measurements;
 * docs/ARCHITECTURE.md has the reasons for the values.
 */
export const USES_DENO_CONN: Record<StreamSource, boolean> = {
  "accept-tcp": false,
  "accept-unix": true,
  "connect-tcp": false,
  "connect-unix": false,
};

/** Whether `Deno.Conn` carries the streams of a source; otherwise `node:net` does. */
export function usesDenoConn(source: StreamSource): boolean {
  return onDeno && USES_DENO_CONN[source];
}
