import { Buffer } from "node:buffer";
import { ConfigError } from "../base/errors.ts";
import { checkFields, numberOption } from "../base/options.ts";
import { CONNECTION_RULES } from "../base/rules.ts";
import { isNativeWebSocket } from "../base/runtime.ts";
import {
  CLOSE_NO_STATUS,
  isValidCloseCode,
  MAX_CLOSE_REASON,
} from "../protocol/wire/close.ts";
import type { Socket, SocketCloseOptions } from "../socket/socket.ts";

/**
 * Checks the content of a close frame (RFC 6455, sections 5.5.1 and 7.4). The code 1005 stands for a frame without a
 * code.
 *
 * @throws {ConfigError} `invalid-argument`.
 */
export function checkCloseArguments(code: number, reason: string): void {
  if (code !== CLOSE_NO_STATUS && !isValidCloseCode(code)) {
    throw refuse(
      "code",
      `one that may be sent (1000 to 1003, 1007 to 1014, 3000 to 4999), or 1005 for none, and is ${code}`,
    );
  }
  if (typeof reason !== "string") {
    throw refuse(
      "reason",
      `a string, and is of type ${typeof reason}`,
    );
  }
  if (code === CLOSE_NO_STATUS && reason !== "") {
    throw refuse("reason", "empty if the code is 1005, which stands for none");
  }
  const size = Buffer.byteLength(reason);
  if (size > MAX_CLOSE_REASON) {
    throw refuse(
      "reason",
      `at most ${MAX_CLOSE_REASON} bytes of UTF-8, and has ${size}`,
    );
  }
}

/**
 * The time that a closing handshake may take, in milliseconds.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function closeTimeoutOf(
  options: SocketCloseOptions,
  fallback: number,
): number {
  checkFields<SocketCloseOptions>("", { timeout: true }, options);
  const rule = { ...CONNECTION_RULES.closeTimeout, default: fallback };
  return numberOption("timeout", rule, options.timeout);
}

/** Whether the target of a connection is a URL and not a socket. */
export function isUrl(target: string | URL | Socket): target is string | URL {
  return typeof target === "string" || target instanceof URL;
}

/**
 * Checks the target of a connection.
 *
 * @throws {ConfigError} `invalid-argument` for what is neither a URL nor a socket.
 */
export function checkTarget(target: unknown): void {
  if (typeof target === "string" || target instanceof URL) return;
  if (
    typeof target === "object" && target !== null &&
    typeof Reflect.get(target, "url") === "string" &&
    typeof Reflect.get(target, "start") === "function"
  ) return checkDelivery(Reflect.get(target, "binary"));
  throw new ConfigError(
    "invalid-argument",
    "url",
    `Cannot make a connection: its first argument must be a URL or a Socket, and is ${
      isNativeWebSocket(target)
        ? "a WebSocket. Make a NativeSocket of it"
        : String(target)
    }.`,
  );
}

/** The sockets that have a connection, to notice one that is given twice. */
const claimed = new WeakSet<object>();

/** Whether a connection was made of a socket. */
export function isClaimed(socket: object): boolean {
  return claimed.has(socket);
}

/**
 * Records that a connection is made of a socket. A second one would take the reader of the first.
 *
 * @throws {ConfigError} `invalid-argument` if there is a connection already.
 */
export function claim(socket: Socket): void {
  if (isClaimed(socket)) {
    throw new ConfigError(
      "invalid-argument",
      "socket",
      "Cannot make a connection: the socket has one already. Make one connection of each socket.",
    );
  }
  claimed.add(socket);
}

/** A connection keeps messages, so they must not be borrowed until the handler returns. */
function checkDelivery(binary: unknown): void {
  if (binary !== "borrow") return;
  throw new ConfigError(
    "invalid-argument",
    "url",
    'Cannot make a connection: the socket has the option binary "borrow". Make the socket with "copy" or "view".',
  );
}

function refuse(field: string, rule: string): ConfigError {
  return new ConfigError(
    "invalid-argument",
    field,
    `Cannot close: ${field} must be ${rule}.`,
  );
}
