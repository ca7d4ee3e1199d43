import { normalizeUrl } from "../base/url.ts";
import { checkOpenOptions, checkOpenTarget } from "../net/open_stream.ts";
import { dialAuto, needsRaw } from "./dial_auto.ts";
import { checkNativeOptions, dialNative } from "./dial_native.ts";
import { dialRaw } from "./dial_raw.ts";
import type { Dialer, DialOptions } from "./dialer.ts";
import { protocolList } from "./request.ts";

/**
 * Checks options with which no dial could succeed, so that they are errors of the call instead of each attempt.
 *
 * @param prefix What stands before the fields' names in a message, for example `connection.`.
 * @throws {ConfigError} `invalid-option`, `unsupported`.
 */
export function checkDialOptions(
  options: Omit<DialOptions, "headers">,
  prefix: string,
): void {
  protocolList(options.protocols, `${prefix}protocols`);
  checkOpenOptions(options, prefix);
}

/** What {@link checkDialTarget} looks at. */
type Target = Omit<DialOptions, "headers"> & {
  readonly dialer?: Dialer | undefined;
};

/**
 * Checks whether one of the library's dialers can dial a URL. Other dialers check that themselves.
 *
 * @param prefix What stands before the fields' names in a message, for example `connection.`.
 * @throws {ConfigError} `unsupported`.
 */
export function checkDialTarget(
  url: string,
  options: Target,
  prefix = "",
): void {
  const { dialer = dialAuto } = options;
  if (dialer === dialRaw || dialer === dialAuto && needsRaw(options)) {
    checkOpenTarget(url, options, prefix);
  } else if (dialer === dialNative) checkNativeOptions(options, prefix);
}

/**
 * Returns the normal form of a URL to dial.
 *
 * @throws {ConfigError} `invalid-url`; `unsupported` if the dialer cannot dial it with these options.
 */
export function urlToDial(url: string | URL, options: Target): string {
  const normal = normalizeUrl(url);
  checkDialTarget(normal, options);
  return normal;
}
