import { CONNECTION_RULES } from "../base/rules.ts";
import { dialNative } from "./dial_native.ts";
import { dialRaw } from "./dial_raw.ts";
import type { Dialer, DialOptions } from "./dialer.ts";
import type { Socket } from "../socket/socket.ts";

/** Options that only a raw socket can heed. */
const RAW_ONLY = [
  "compression",
  "fragmentSize",
  "caCerts",
  "cert",
  "key",
  "unix",
  "proxy",
] as const;

/**
 * The default dialer: raw when the connection is to ping or an option needs it, else native.
 *
 * Native is left for who sets `pingInterval` to 0 and asks for nothing special.
 */
export const dialAuto: Dialer = (
  url: string,
  options: DialOptions = {},
): Promise<Socket> =>
  needsRaw(options) ? dialRaw(url, options) : dialNative(url, options);

function needsRaw(options: DialOptions): boolean {
  // What is no object is left to the dialer to refuse.
  if (options === null) return true;
  const { pingInterval = CONNECTION_RULES.pingInterval.default } = options;
  return pingInterval !== 0 || options.binary === "borrow" ||
    options.proxy === false ||
    RAW_ONLY.some((name) => Boolean(options[name]));
}
