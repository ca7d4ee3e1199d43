/** Whether this runtime is Deno. On other runtimes, only the sockets of `node:net` and `node:tls` exist. */
export const onDeno: boolean = "Deno" in globalThis;

/** Whether this runtime is Bun. */
export const onBun: boolean = "Bun" in globalThis;

/**
 * Whether a value is a `WebSocket` of this runtime. There may be none: `--no-experimental-websocket` removes that of
 * Node.js.
 */
export function isNativeWebSocket(value: unknown): value is WebSocket {
  return typeof WebSocket === "function" && value instanceof WebSocket;
}

/** What {@linkcode builtin} can load. */
interface Builtins {
  readonly "node:crypto": typeof import("node:crypto");
  readonly "node:net": typeof import("node:net");
  readonly "node:tls": typeof import("node:tls");
  readonly "node:util": typeof import("node:util");
  readonly "node:zlib": typeof import("node:zlib");
}

/**
 * Returns a module of Node.js, which is loaded by the first call.
 *
 * An import would load it together with the library. That takes Deno 30 ms of processor time for all of them, and a
 * program whose peers come through `Deno.serve` needs none. `node:process` is one more: its global object takes its
 * place.
 */
export function builtin<Name extends keyof Builtins>(
  name: Name,
): Builtins[Name] {
  return globalThis.process.getBuiltinModule(name);
}
