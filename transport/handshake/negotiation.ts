import type { CompressionCodec } from "../protocol/wire/compression.ts";
import { HandshakeError } from "./errors.ts";
import {
  type Extension,
  type ExtensionParameter,
  formatExtensions,
  parseExtensions,
} from "./extension.ts";

/** The name under which the extension is negotiated (RFC 7692, section 7). */
const PERMESSAGE_DEFLATE = "permessage-deflate";

const MAX_BITS = 15;
const MIN_BITS = 8;

/** What both sides have agreed on (RFC 7692, section 7.1). */
export interface DeflateAgreement {
  /** The server starts each message with an empty window. */
  readonly serverNoContextTakeover: boolean;
  /** The client starts each message with an empty window. */
  readonly clientNoContextTakeover: boolean;
  /** Base-2 logarithm of the server's window size in bytes, 8 to 15. */
  readonly serverMaxWindowBits: number;
  /** Base-2 logarithm of the client's window size in bytes, 8 to 15. */
  readonly clientMaxWindowBits: number;
}

/** Options of permessage-deflate (RFC 7692). */
export interface CompressionOptions {
  /**
   * The compression level, from 0 (none) to 9 (best).
   *
   * @default {1}
   */
  readonly level?: number | undefined;
  /**
   * The memory of a compressor, from 1 to 9: 2^(memLevel + 9) bytes.
   *
   * @default {8}
   */
  readonly memLevel?: number | undefined;
  /**
   * Messages of fewer bytes are not compressed.
   *
   * @default {1024}
   */
  readonly threshold?: number | undefined;
  /**
   * The server starts each message with an empty window: less memory, less compression.
   *
   * @default {false}
   */
  readonly serverNoContextTakeover?: boolean | undefined;
  /**
   * The client starts each message with an empty window.
   *
   * @default {false}
   */
  readonly clientNoContextTakeover?: boolean | undefined;
  /**
   * Base-2 logarithm of the maximum window of the server, from 9 to 15.
   *
   * @default {15}
   */
  readonly serverMaxWindowBits?: number | undefined;
  /**
   * Base-2 logarithm of the maximum window of the client, from 9 to 15.
   *
   * @default {15}
   */
  readonly clientMaxWindowBits?: number | undefined;
  /**
   * Makes the compressors.
   *
   * @default {zlib's}
   */
  readonly codec?: CompressionCodec | undefined;
}

/** Returns what a client offers, as the value of the header. */
export function offerDeflate(options: CompressionOptions): string {
  const serverBits = options.serverMaxWindowBits ?? MAX_BITS;
  const clientBits = options.clientMaxWindowBits ?? MAX_BITS;
  return format(
    options.serverNoContextTakeover ?? false,
    options.clientNoContextTakeover ?? false,
    serverBits < MAX_BITS ? serverBits : undefined,
    // Without a value it says that the client accepts any window that the server asks for.
    clientBits < MAX_BITS ? clientBits : true,
  );
}

/**
 * Reads the server's answer on a client.
 *
 * @param answer The value of the header, "" if it is absent.
 * @param options What was offered, `undefined` if nothing was.
 * @returns What was agreed on, `undefined` if the server declined.
 * @throws {HandshakeError} `bad-extension` if the answer does not fit the offer.
 */
export function acceptDeflate(
  answer: string,
  options: CompressionOptions | undefined,
): DeflateAgreement | undefined {
  const [extension, ...others] = parseExtensions(answer);
  if (extension === undefined) return undefined;
  if (
    options === undefined || others.length > 0 ||
    extension.name.toLowerCase() !== PERMESSAGE_DEFLATE
  ) throw refusal(`the server answered ${answer}, which was not offered`);
  const params = readParameters(extension.parameters);
  if (typeof params === "string") throw refusal(params);
  const serverMax = options.serverMaxWindowBits ?? MAX_BITS;
  const clientMax = options.clientMaxWindowBits ?? MAX_BITS;
  if (params.clientBits === true || params.serverBits === true) {
    throw refusal("a window size in an answer must have a value");
  }
  if (options.serverNoContextTakeover && !params.serverNoContext) {
    throw refusal("the server did not agree to server_no_context_takeover");
  }
  const serverBits = params.serverBits ?? MAX_BITS;
  if (serverBits > serverMax) {
    throw refusal(`the server's window must be at most ${serverMax} bits`);
  }
  return {
    serverNoContextTakeover: params.serverNoContext,
    clientNoContextTakeover: params.clientNoContext ||
      (options.clientNoContextTakeover ?? false),
    serverMaxWindowBits: serverBits,
    clientMaxWindowBits: Math.min(params.clientBits ?? MAX_BITS, clientMax),
  };
}

/**
 * Answers a client's offers on a server: accepts the first that it can fulfil (RFC 7692, section 5.1).
 *
 * An offer is declined if it asks the server for a smaller window than the codec supports, or if the client does not
 * support the `clientMaxWindowBits` that the server wants.
 *
 * @param offers The value of the header.
 * @param options What the server agrees to; `undefined` to decline everything.
 * @returns What is agreed on and the value to answer with, or `undefined` to decline.
 * @throws {HandshakeError} `bad-extension` if the header does not follow the grammar.
 */
export function answerDeflate(
  offers: string,
  options: CompressionOptions | undefined,
): { agreement: DeflateAgreement; header: string } | undefined {
  const extensions = parseExtensions(offers);
  if (options === undefined) return undefined;
  const clientMax = options.clientMaxWindowBits ?? MAX_BITS;
  const least = options.codec === undefined
    ? MIN_BITS + 1
    : options.codec.minWindowBits ?? MIN_BITS;
  for (const { name, parameters } of extensions) {
    if (name.toLowerCase() !== PERMESSAGE_DEFLATE) continue;
    const params = readParameters(parameters);
    if (typeof params === "string" || params.serverBits === true) continue;
    const serverBits = Math.min(
      params.serverBits ?? MAX_BITS,
      options.serverMaxWindowBits ?? MAX_BITS,
    );
    if (serverBits < least) continue;
    if (params.clientBits === undefined && clientMax < MAX_BITS) continue;
    const clientBits = typeof params.clientBits === "number"
      ? Math.min(params.clientBits, clientMax)
      : clientMax;
    const agreement: DeflateAgreement = {
      serverNoContextTakeover: params.serverNoContext ||
        (options.serverNoContextTakeover ?? false),
      clientNoContextTakeover: params.clientNoContext ||
        (options.clientNoContextTakeover ?? false),
      serverMaxWindowBits: serverBits,
      clientMaxWindowBits: clientBits,
    };
    const header = format(
      agreement.serverNoContextTakeover,
      agreement.clientNoContextTakeover,
      // A requested size has to be confirmed, even if it is the default (RFC 7692, section 7.1.2.1).
      params.serverBits !== undefined || serverBits < MAX_BITS
        ? serverBits
        : undefined,
      clientBits < MAX_BITS ? clientBits : undefined,
    );
    return { agreement, header };
  }
  return undefined;
}

interface Parameters {
  serverNoContext: boolean;
  clientNoContext: boolean;
  /** `true` if it is there without a value. */
  serverBits: number | true | undefined;
  clientBits: number | true | undefined;
}

/** Reads the parameters, or returns what is wrong with them (RFC 7692, section 7.1). */
function readParameters(
  parameters: readonly ExtensionParameter[],
): Parameters | string {
  const read: Parameters = {
    serverNoContext: false,
    clientNoContext: false,
    serverBits: undefined,
    clientBits: undefined,
  };
  const seen = new Set<string>();
  for (const { name, value } of parameters) {
    if (seen.has(name)) return `${name} is repeated`;
    seen.add(name);
    switch (name) {
      case "server_no_context_takeover":
      case "client_no_context_takeover":
        if (value !== undefined) return `${name} must not have a value`;
        if (name.startsWith("server")) read.serverNoContext = true;
        else read.clientNoContext = true;
        break;
      case "server_max_window_bits":
      case "client_max_window_bits": {
        if (value !== undefined && !/^([89]|1[0-5])$/.test(value)) {
          return `${name} must be from ${MIN_BITS} to ${MAX_BITS}`;
        }
        const bits = value === undefined ? true : Number(value);
        if (name.startsWith("server")) read.serverBits = bits;
        else read.clientBits = bits;
        break;
      }
      default:
        return `${name} is not a parameter of ${PERMESSAGE_DEFLATE}`;
    }
  }
  return read;
}

/** Writes the extension. A size of `true` is written without a value, `undefined` not at all. */
function format(
  serverNoContext: boolean,
  clientNoContext: boolean,
  serverBits: number | undefined,
  clientBits: number | true | undefined,
): string {
  const parameters: ExtensionParameter[] = [];
  const add = (name: string, given: number | boolean | undefined) => {
    if (given === undefined || given === false) return;
    const value = given === true ? undefined : String(given);
    parameters.push({ name, value });
  };
  add("server_no_context_takeover", serverNoContext);
  add("client_no_context_takeover", clientNoContext);
  add("server_max_window_bits", serverBits);
  add("client_max_window_bits", clientBits);
  const extension: Extension = { name: PERMESSAGE_DEFLATE, parameters };
  return formatExtensions([extension]);
}

function refusal(why: string): HandshakeError {
  return new HandshakeError(
    "bad-extension",
    `Cannot use ${PERMESSAGE_DEFLATE}: ${why}.`,
  );
}
