import { CONNECTION_RULES } from "../base/rules.ts";
import type { Socket } from "../socket/socket.ts";
import { dialNative } from "./dial_native.ts";
import { dialRaw } from "./dial_raw.ts";
import type { Dialer, DialOptions } from "./dialer.ts";

/** Options that only a raw socket supports. */
const RAW_ONLY = [
  "compression",
  "fragmentSize",
  "maxFrameSize",
  "maxFragments",
  "caCerts",
  "cert",
  "key",
  "unix",
  "proxy",
] as const;

/**
 * The default dialer. Uses {@link dialRaw} if the connection pings (`pingInterval` is not 0) or if an option needs it;
 * otherwise uses {@link dialNative}.
 */
export const dialAuto: Dialer = (
  url: string,
  options: DialOptions = {},
): Promise<Socket> =>
  needsRaw(options) ? dialRaw(url, options) : dialNative(url, options);

/** Whether {@link dialAuto} uses a raw socket. */
export function needsRaw(options: Omit<DialOptions, "headers">): boolean {
  // The dialer refuses a value that is not an object.
  if (options === null) return true;
  const { pingInterval = CONNECTION_RULES.pingInterval.default } = options;
  return pingInterval !== 0 || options.binary === "borrow" ||
    options.proxy === false ||
    RAW_ONLY.some((name) => Boolean(options[name]));
}
