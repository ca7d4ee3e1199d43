import {
  checkBoolean,
  checkFields,
  checkMethods,
  numberOption,
  type OptionNames,
  refuseOption,
} from "../base/options.ts";
import type { NumberRule } from "../base/rules.ts";
import { isDeflateSupported, zlibCodec } from "../protocol/wire/deflate.ts";
import type {
  CompressionOptions,
  DeflateAgreement,
} from "../handshake/negotiation.ts";
import type { Deflater, Inflater } from "../protocol/wire/compression.ts";
import type { Role } from "../protocol/wire/frame.ts";

/** Options of compression that are numbers. */
export const COMPRESSION_RULES: Readonly<
  Record<
    | "level"
    | "memLevel"
    | "threshold"
    | "serverMaxWindowBits"
    | "clientMaxWindowBits",
    NumberRule
  >
> = {
  level: { default: 1, min: 0, max: 9, unit: "items" },
  memLevel: { default: 8, min: 1, max: 9, unit: "items" },
  threshold: { default: 1_024, min: 0, max: 2 ** 30, unit: "bytes" },
  serverMaxWindowBits: { default: 15, min: 9, max: 15, unit: "items" },
  clientMaxWindowBits: { default: 15, min: 9, max: 15, unit: "items" },
};

const NAMES: OptionNames<CompressionOptions> = {
  level: true,
  memLevel: true,
  threshold: true,
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: true,
  clientMaxWindowBits: true,
  codec: true,
};

/**
 * Checks a `compression` option.
 *
 * @returns What to negotiate, `undefined` for nothing: if it is off, and if the
 * runtime cannot compress and no codec is given.
 * @throws {ConfigError} `invalid-option`.
 */
export function resolveCompression(
  option: boolean | CompressionOptions | undefined,
  field = "compression",
): CompressionOptions | undefined {
  if (option === undefined || option === false) return undefined;
  const options = option === true ? {} : option;
  if (typeof options !== "object" || options === null) {
    throw refuseOption(field, "true, false or an object", option);
  }
  checkFields(`${field}.`, NAMES, options);
  const number = (name: keyof typeof COMPRESSION_RULES) =>
    numberOption(`${field}.${name}`, COMPRESSION_RULES[name], options[name]);
  checkBoolean(
    `${field}.serverNoContextTakeover`,
    options.serverNoContextTakeover,
  );
  checkBoolean(
    `${field}.clientNoContextTakeover`,
    options.clientNoContextTakeover,
  );
  checkMethods(`${field}.codec`, options.codec, ["deflater", "inflater"]);
  const resolved: CompressionOptions = {
    level: number("level"),
    memLevel: number("memLevel"),
    threshold: number("threshold"),
    serverMaxWindowBits: number("serverMaxWindowBits"),
    clientMaxWindowBits: number("clientMaxWindowBits"),
    serverNoContextTakeover: options.serverNoContextTakeover ?? false,
    clientNoContextTakeover: options.clientNoContextTakeover ?? false,
    codec: options.codec,
  };
  return options.codec === undefined && !isDeflateSupported()
    ? undefined
    : resolved;
}

/** Returns the compressors of one side of a connection, as both sides have agreed. */
export function makeCodecs(
  role: Role,
  agreement: DeflateAgreement | undefined,
  options: CompressionOptions | undefined,
): { deflater?: Deflater; inflater?: Inflater } {
  if (agreement === undefined || options === undefined) return {};
  const codec = options.codec ?? zlibCodec;
  const common = {
    level: options.level ?? COMPRESSION_RULES.level.default,
    memLevel: options.memLevel ?? COMPRESSION_RULES.memLevel.default,
    threshold: options.threshold ?? COMPRESSION_RULES.threshold.default,
  };
  const server = {
    ...common,
    windowBits: agreement.serverMaxWindowBits,
    noContextTakeover: agreement.serverNoContextTakeover,
  };
  const client = {
    ...common,
    windowBits: agreement.clientMaxWindowBits,
    noContextTakeover: agreement.clientNoContextTakeover,
  };
  const deflater = codec.deflater(role === "server" ? server : client);
  const inflater = codec.inflater(role === "server" ? client : server);
  return deflater === undefined ? { inflater } : { deflater, inflater };
}
