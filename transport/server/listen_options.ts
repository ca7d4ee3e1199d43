import type { LoggingOptions } from "../base/logging.ts";
import {
  checkBoolean,
  checkFields,
  checkFunction,
  checkScope,
  numberOption,
  type OptionNames,
  refuseOption,
} from "../base/options.ts";
import { LISTEN_RULES } from "../base/rules.ts";
import { checkUpgradeTokens, type UpgradeTokens } from "../handshake/rules.ts";
import type { TlsServerOptions } from "../net/stream/stream_options.ts";
import { checkUnixPath } from "../net/stream/unix_path.ts";
import {
  ACCEPT_NAMES,
  type AcceptOptions,
  checkAcceptOptions,
  SERVER_HOMES,
} from "./accept_options.ts";
import type { RequestHandler } from "./plain_request.ts";
import { checkTls } from "./tls_options.ts";

/** Options of {@link listen}. Those of {@link AcceptOptions} apply to every peer that is accepted. */
export interface ListenOptions extends AcceptOptions, LoggingOptions {
  /**
   * The port; 0 for any that is free: see {@link Listener.port}.
   *
   * @default {0}
   */
  readonly port?: number | undefined;
  /**
   * The address to listen on.
   *
   * @default {"0.0.0.0"}
   */
  readonly hostname?: string | undefined;
  /**
   * The path of a Unix socket to listen on. Not together with `hostname`, `port`, `tls` or `reusePort`.
   *
   * @default {none}
   */
  readonly path?: string | undefined;
  /**
   * The certificate and the key, for TLS (`wss:`). {@link Listener.setTls} replaces them later.
   *
   * @default {plain TCP}
   */
  readonly tls?: TlsServerOptions | undefined;
  /**
   * Lets other processes listen on the same port (SO_REUSEPORT).
   *
   * @default {false}
   */
  readonly reusePort?: boolean | undefined;
  /**
   * Closes the listener when it aborts. Connections that were accepted stay open.
   *
   * @default {none}
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * The protocol to upgrade to, or several. {@link Incoming.upgrade} says which one a peer asks for.
   *
   * @default {"websocket"}
   */
  readonly upgrade?: UpgradeTokens | undefined;
  /**
   * Answers requests that do not ask for an upgrade, for example a health check. If it returns `undefined`, the
   * response has status 426. If it throws or returns anything else than a response, the status is 500. The body of
   * the request is not read.
   *
   * @default {every such request gets status 426}
   */
  readonly onRequest?: RequestHandler | undefined;
  /**
   * The maximum size of a request's head in bytes.
   *
   * @default {16384}
   */
  readonly maxHeadSize?: number | undefined;
  /**
   * The maximum number of connections that are not accepted yet. A further one is closed at once. With TLS, the limit
   * applies to TLS handshakes and to requests separately.
   *
   * @default {1024}
   */
  readonly maxPending?: number | undefined;
  /**
   * The maximum time until a connection is accepted or answered, in milliseconds; 0 for no limit. With TLS, it applies
   * to the TLS handshake and to the time after it separately.
   *
   * @default {10000}
   */
  readonly handshakeTimeout?: number | undefined;
  /**
   * The maximum number of items in {@link Listener.errors}. If it is exceeded, the oldest are dropped.
   *
   * @default {1024}
   */
  readonly errorsBufferSize?: number | undefined;
}

const NAMES: OptionNames<ListenOptions> = {
  ...ACCEPT_NAMES,
  errorsBufferSize: true,
  handshakeTimeout: true,
  hostname: true,
  logger: true,
  loggingEnabled: true,
  logLevel: true,
  maxHeadSize: true,
  maxPending: true,
  onRequest: true,
  path: true,
  port: true,
  reusePort: true,
  signal: true,
  tls: true,
  upgrade: true,
};

/** The limits of a listener, with every default filled in. */
export type ListenLimits = Readonly<Record<keyof typeof LISTEN_RULES, number>>;

/**
 * Checks the options of a listener and returns its limits.
 *
 * @throws {ConfigError} If an option cannot be used.
 */
export function resolveListenOptions(options: ListenOptions): ListenLimits {
  checkFields("", NAMES, options, SERVER_HOMES);
  checkScope("", options);
  checkBoolean("reusePort", options.reusePort);
  checkFunction("onRequest", options.onRequest);
  const hostname: unknown = options.hostname;
  if (
    hostname !== undefined && (typeof hostname !== "string" || hostname === "")
  ) throw refuseOption("hostname", "a string that is not empty", hostname);
  checkUnixPath("path", options.path);
  if (options.upgrade !== undefined) checkUpgradeTokens(options.upgrade);
  checkAcceptOptions(options);
  checkTls(options.tls);
  checkPath(options);
  const number = (name: keyof typeof LISTEN_RULES) =>
    numberOption(name, LISTEN_RULES[name], options[name]);
  return {
    port: number("port"),
    maxHeadSize: number("maxHeadSize"),
    maxPending: number("maxPending"),
    handshakeTimeout: number("handshakeTimeout"),
    errorsBufferSize: number("errorsBufferSize"),
  };
}

/** What concerns TCP has no effect on a Unix socket. */
function checkPath(options: ListenOptions): void {
  if (options.path === undefined) return;
  for (const name of ["tls", "port", "hostname", "reusePort"] as const) {
    const value = options[name];
    if (value === undefined || value === false) continue;
    throw refuseOption(name, "left out with a path", value);
  }
}
