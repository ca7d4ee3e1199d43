import { type Clock, clockOf } from "../transport/base/clock.ts";
import {
  checkFields,
  checkSignal,
  numberOption,
  type OptionHomes,
  type OptionNames,
  refuseArgument,
  refuseOption,
} from "../transport/base/options.ts";
import { CONNECTION_RULES, type NumberRule } from "../transport/base/rules.ts";
import { dialRaw } from "../transport/client/dial_raw.ts";
import type { ConnectionOptions } from "../transport/connection/options.ts";
import { DIALLING_NAMES } from "../transport/connection/resolve_options.ts";
import { parseProtocols } from "./arguments.ts";
import type { DeliveryLimits } from "./delivery.ts";
import { authorize } from "./credentials.ts";

const ALWAYS_SET = "Connection: a WebSocket always sets it";
/** Options of a connection that a `WebSocket` sets itself. */
const DECIDED: OptionHomes = {
  retry: ALWAYS_SET,
  onRetry: ALWAYS_SET,
  binary: ALWAYS_SET,
  highWaterMark: ALWAYS_SET,
};

/** Options of a `WebSocket` that are numbers. */
export const WEBSOCKET_RULES: Readonly<
  Record<"maxBufferedAmount", NumberRule>
> = {
  maxBufferedAmount: { default: 1 << 26, min: 0, max: 2 ** 33, unit: "bytes" },
};

/**
 * Options of a {@link WebSocket}: those of a connection, without those that a `WebSocket` sets itself. Durations are
 * milliseconds, and 0 disables them.
 */
export interface WebSocketOptions extends
  Omit<
    ConnectionOptions,
    "retry" | "onRetry" | "binary" | "highWaterMark"
  > {
  /**
   * The connection fails when `send` is called while `bufferedAmount` has reached this number of bytes; 0 for no limit.
   *
   * @default {67108864}
   */
  readonly maxBufferedAmount?: number | undefined;
}

const {
  retry: _retry,
  onRetry: _onRetry,
  binary: _binary,
  highWaterMark: _highWaterMark,
  ...CONNECTION_NAMES
} = DIALLING_NAMES;
const NAMES: OptionNames<WebSocketOptions> = {
  ...CONNECTION_NAMES,
  maxBufferedAmount: true,
};

/** What the constructor's second and third argument come to. */
export interface ResolvedOptions {
  readonly maxBufferedAmount: number;
  readonly signal: AbortSignal | undefined;
  readonly limits: DeliveryLimits;
  readonly clock: Clock;
  readonly closeTimeout: number;
  /** The options of the connection that the `WebSocket` stands on. */
  readonly connection: ConnectionOptions;
}

/**
 * Reads the constructor's second and third argument: subprotocols, then options, or options alone. A third argument
 * that is not an object is ignored, as by every other `WebSocket`.
 *
 * @throws {DOMException} `SyntaxError` for subprotocols that cannot be offered.
 * @throws {ConfigError} `invalid-option`, `unknown-option`, `misplaced-option` for one that a `WebSocket` sets itself.
 */
export function resolveOptions(
  url: URL,
  second: string | readonly string[] | WebSocketOptions,
  third: WebSocketOptions | undefined,
): ResolvedOptions {
  if (isOptions(second) && isOptions(third)) {
    throw refuseArgument(
      "connect",
      "options",
      "the second or the third argument, not both",
      third,
    );
  }
  const options = isOptions(second) ? second : isOptions(third) ? third : {};
  checkFields("", NAMES, options, DECIDED);
  const { maxBufferedAmount, signal, protocols, ...rest } = options;
  const offered = isOptions(second) ? [] : parseProtocols(second);
  if (offered.length > 0 && protocols !== undefined) {
    throw refuseOption(
      "protocols",
      "left out, since the second argument gives the subprotocols",
      protocols,
    );
  }
  checkSignal("signal", signal);
  return {
    maxBufferedAmount: numberOption(
      "maxBufferedAmount",
      WEBSOCKET_RULES.maxBufferedAmount,
      maxBufferedAmount,
    ),
    signal,
    limits: {
      incomingBufferSize: connectionOption("incomingBufferSize", options),
      incomingBufferBytes: connectionOption("incomingBufferBytes", options),
    },
    clock: clockOf(options.clock),
    closeTimeout: connectionOption("closeTimeout", options),
    connection: {
      dialer: dialRaw,
      ...rest,
      headers: authorize(rest.headers, url),
      protocols: protocols === undefined ? offered : parseProtocols(protocols),
      retry: false,
      // Every message has a buffer of its own, which `data` may hand over.
      binary: "copy",
      // `send` never waits: `maxBufferedAmount` bounds what it may buffer.
      highWaterMark: CONNECTION_RULES.highWaterMark.max,
    },
  };
}

function connectionOption(
  name: keyof DeliveryLimits | "closeTimeout",
  options: WebSocketOptions,
): number {
  return numberOption(name, CONNECTION_RULES[name], options[name]);
}

function isOptions(
  value: string | readonly string[] | WebSocketOptions | undefined,
): value is WebSocketOptions {
  return typeof value === "object" && value !== null &&
    !(Symbol.iterator in value);
}
