import {
  checkFields,
  checkWord,
  numberOption,
  type OptionNames,
  refuseOption,
} from "../transport/base/options.ts";
import { MAX_DURATION } from "../transport/base/rules.ts";

/** A direction through a proxy: `"up"` to the target, `"down"` from the target. */
export type Direction = "up" | "down";

/** Both directions. */
export const DIRECTIONS: readonly Direction[] = ["up", "down"];

/** How a connection is cut: `"reset"` is a TCP reset, `"end"` the ordinary end of the stream. */
export type CutKind = "reset" | "end";

/**
 * What happens during a stall. In both cases nothing comes out any more, not even the end of the stream, and nothing is
 * closed: the connection is half open.
 *
 * - `"hold"`: nothing is read, so the buffer of the sender fills up. What was sent comes out when the stall is over.
 * - `"swallow"`: what is sent is read and lost, so the sender can go on forever.
 */
export type StallKind = "hold" | "swallow";

/** The faults of one direction of a connection. Offsets count the bytes that came through it. */
export interface Faults {
  /**
   * The time by which each byte is delayed, in milliseconds. The proxy holds at most 256 KiB of each direction, and then
   * stops reading: that limits the throughput of a long delay.
   *
   * @default {0}
   */
  readonly delay?: number;
  /**
   * The maximum number of bytes per second; 0 for no limit.
   *
   * @default {0}
   */
  readonly throttle?: number;
  /**
   * Whether the direction stalls, and how.
   *
   * @default {false}
   */
  readonly stall?: StallKind | false;
  /**
   * The part of the bytes that are changed, from 0 to 1. Which ones depends on the seed of the proxy.
   *
   * @default {0}
   */
  readonly corruption?: number;
  /**
   * The offsets of bytes whose bits are all flipped.
   *
   * @default {none}
   */
  readonly corruptAt?: readonly number[];
  /**
   * The number of bytes after which the connection is cut, for example in the middle of a frame.
   *
   * @default {Infinity}
   */
  readonly cutAt?: number;
  /**
   * How the connection is cut then.
   *
   * @default {"reset"}
   */
  readonly cutWith?: CutKind;
}

/** Faults with every field filled in. */
export type AllFaults = Required<Faults>;

/** No faults. */
export const NO_FAULTS: AllFaults = {
  delay: 0,
  throttle: 0,
  stall: false,
  corruption: 0,
  corruptAt: [],
  cutAt: Infinity,
  cutWith: "reset",
};

const RULES = {
  delay: { default: 0, min: 0, max: MAX_DURATION, unit: "ms" },
  throttle: { default: 0, min: 0, max: Infinity, unit: "bytes" },
  corruption: { default: 0, min: 0, max: 1, unit: "part" },
  cutAt: { default: Infinity, min: 0, max: Infinity, unit: "bytes" },
} as const;

const NAMES: OptionNames<Faults> = {
  delay: true,
  throttle: true,
  stall: true,
  corruption: true,
  corruptAt: true,
  cutAt: true,
  cutWith: true,
};

/**
 * Refuses an unknown direction.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function checkDirection(direction: Direction | undefined): void {
  checkWord("direction", ["up", "down"], direction);
}

/**
 * Refuses faults with values that are not allowed.
 *
 * @throws {ConfigError} `invalid-option`, `unknown-option`.
 */
export function checkFaults(faults: Faults): void {
  checkFields("", NAMES, faults);
  numberOption("delay", RULES.delay, faults.delay);
  numberOption("throttle", RULES.throttle, faults.throttle);
  numberOption("corruption", RULES.corruption, faults.corruption);
  numberOption("cutAt", RULES.cutAt, faults.cutAt);
  oneOf("stall", [false, "hold", "swallow"], faults.stall);
  oneOf("cutWith", ["reset", "end"], faults.cutWith);
}

function oneOf(
  field: string,
  values: readonly unknown[],
  value: unknown,
): void {
  if (value === undefined || values.includes(value)) return;
  throw refuseOption(
    field,
    `one of ${values.map((one) => JSON.stringify(one)).join(", ")}`,
    value,
  );
}
