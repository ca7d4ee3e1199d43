import { ConfigError, reasonOf } from "../base/errors.ts";
import {
  checkFields,
  checkNumbers,
  checkOptions,
  checkScope,
  checkWord,
  type OptionHomes,
  type OptionNames,
  refuseOption,
} from "../base/options.ts";
import { SOCKET_RULES } from "../base/rules.ts";
import { HandshakeError } from "../handshake/errors.ts";
import {
  type HeadersInput,
  toHeaders as parseHeaders,
} from "../handshake/headers.ts";
import type { OriginChoice, ProtocolChoice } from "../handshake/policy.ts";
import { checkForeign, checkProtocols } from "../handshake/rules.ts";
import { resolveCompression } from "../socket/compression_options.ts";
import type { SocketOptions } from "../socket/socket.ts";

/** Options for accepting a peer. */
export interface AcceptOptions extends SocketOptions {
  /**
   * The subprotocols that the server supports, the preferred one first, or a function that chooses one of those
   * offered. If none matches, the peer is accepted without one.
   *
   * @default {none}
   */
  readonly protocols?: ProtocolChoice | undefined;
  /**
   * The origins that are accepted, such as `https://app.example`, or a function that decides. A list also accepts
   * requests without an `Origin`, which do not come from browsers; a function gets `undefined` for them. The function
   * must return `true` to accept. Anything else, also a promise, refuses the peer with status 403.
   *
   * @default {all}
   */
  readonly origins?: OriginChoice | undefined;
  /**
   * More headers of the response.
   *
   * @default {none}
   */
  readonly headers?: HeadersInput | undefined;
}

/** The options that {@link AcceptOptions} has. */
export const ACCEPT_NAMES: OptionNames<AcceptOptions> = {
  binary: true,
  clock: true,
  compression: true,
  fragmentSize: true,
  headers: true,
  maxFragments: true,
  maxFrameSize: true,
  maxMessageSize: true,
  origins: true,
  protocols: true,
};

const OF_CONNECTION = "a connection or the option connection of a pool";
const OF_POOL = "an inbound pool";
const OF_SERVE = "serve() of an inbound pool";
/** Where options belong that are often given to a server. */
export const SERVER_HOMES: OptionHomes = {
  closeTimeout: OF_CONNECTION,
  highWaterMark: OF_CONNECTION,
  incomingBufferBytes: OF_CONNECTION,
  incomingBufferSize: OF_CONNECTION,
  pingInterval: OF_CONNECTION,
  pingTimeout: OF_CONNECTION,
  writeTimeout: OF_CONNECTION,
  inactivityTimeout: "upgrade() or the option worker of an inbound pool",
  maxPeers: OF_POOL,
  onEvent: OF_POOL,
  worker: OF_POOL,
  accept: OF_SERVE,
  id: OF_SERVE,
  replace: OF_SERVE,
};
const LISTEN_ONLY = "listen()";
/** Where options belong that only a listener has. */
export const LISTEN_HOMES: OptionHomes = {
  handshakeTimeout: LISTEN_ONLY,
  hostname: LISTEN_ONLY,
  maxHeadSize: LISTEN_ONLY,
  maxPending: LISTEN_ONLY,
  onRequest: LISTEN_ONLY,
  path: LISTEN_ONLY,
  port: LISTEN_ONLY,
  reusePort: LISTEN_ONLY,
  tls: LISTEN_ONLY,
  upgrade: LISTEN_ONLY,
};
const ACCEPT_HOMES: OptionHomes = { ...SERVER_HOMES, ...LISTEN_HOMES };

/**
 * Refuses options that have no effect on a peer that is accepted.
 *
 * @param names The options that the call has, if it has more.
 * @throws {ConfigError} `unknown-option`, `misplaced-option`.
 */
export function checkAcceptFields(
  options: AcceptOptions | undefined,
  names: OptionNames<AcceptOptions> = ACCEPT_NAMES,
): void {
  checkFields("", names, options, ACCEPT_HOMES);
}

/**
 * Returns the headers of a response.
 *
 * @throws {ConfigError} `invalid-option` if HTTP does not allow them.
 */
export function answerHeaders(headers: HeadersInput | undefined): Headers {
  try {
    return parseHeaders(headers);
  } catch (cause) {
    throw refuseHeaders(cause);
  }
}

/**
 * Returns the headers of a 101, which must not be those of the handshake.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function upgradeHeaders(headers: HeadersInput | undefined): Headers {
  const checked = answerHeaders(headers);
  try {
    checkForeign(checked);
  } catch (cause) {
    throw refuseHeaders(cause);
  }
  return checked;
}

function refuseHeaders(cause: unknown): ConfigError {
  return new ConfigError(
    "invalid-option",
    "headers",
    `Cannot use option headers: ${reasonOf(cause)}`,
    { cause },
  );
}

/**
 * Checks the options of `protocols` and `origins`.
 *
 * @throws {ConfigError} `invalid-option`, also for a subprotocol and for an origin that no request can have.
 */
export function checkChoices(
  { protocols, origins }: Pick<AcceptOptions, "protocols" | "origins">,
): void {
  if (isTexts("protocols", protocols)) {
    try {
      checkProtocols(protocols);
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      throw refuseOption("protocols", "different tokens", protocols.join(", "));
    }
  }
  if (isTexts("origins", origins)) {
    const wrong = origins.find((origin) => !isOrigin(origin));
    if (wrong !== undefined) {
      throw refuseOption(
        "origins",
        `a list of origins as browsers send them, such as ${
          originOf(wrong)
        } (left out to accept all)`,
        wrong,
      );
    }
  }
}

function isTexts(field: string, value: unknown): value is string[] {
  if (value === undefined || typeof value === "function") return false;
  if (
    Array.isArray(value) && value.every((item) => typeof item === "string")
  ) return true;
  throw refuseOption(field, "a list of strings or a function", value);
}

/** The origin that was probably meant. */
function originOf(text: string): string {
  const origin = URL.parse(text)?.origin ?? "null";
  return origin === "null" ? "https://app.example" : origin;
}

/** Whether a browser may send this as `Origin` (RFC 6454, section 6.2). */
function isOrigin(text: string): boolean {
  // Pages from files send the first, and the second if they may read other files, as in Electron.
  if (text === "null" || text === "file://") return true;
  const url = URL.parse(text);
  // URL gives schemes that it does not know no origin, for example those of browser extensions.
  return url !== null &&
    (url.origin === text ||
      url.origin === "null" && /^[a-z][-a-z\d+.]*:\/\/[^/?#@]+$/.test(text));
}

/**
 * Checks the options with which peers are accepted.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function checkAcceptOptions(options: AcceptOptions): void {
  checkOptions("options", options);
  checkScope("", { clock: options.clock });
  checkWord("binary", ["view", "copy", "borrow"], options.binary);
  checkChoices(options);
  checkNumbers("", SOCKET_RULES, options);
  resolveCompression(options.compression);
  upgradeHeaders(options.headers);
}
