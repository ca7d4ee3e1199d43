import {
  checkFields,
  checkWord,
  numberOption,
  type OptionNames,
} from "../transport/base/options.ts";
import {
  checkDirection,
  type CutKind,
  type Direction,
  type Faults,
  type StallKind,
} from "./faults.ts";
import type { LaneStats } from "./proxy_lane.ts";

/** When and how to cut. */
export interface CutOptions {
  /**
   * How the connection is cut.
   *
   * @default {"reset"}
   */
  readonly how?: CutKind;
  /**
   * The number of further bytes after which it is cut; 0 cuts at once.
   *
   * @default {0}
   */
  readonly after?: number;
  /**
   * The direction whose bytes `after` counts.
   *
   * @default {"down"}
   */
  readonly direction?: Direction;
}

const NAMES: OptionNames<CutOptions> = {
  how: true,
  after: true,
  direction: true,
};
const AFTER = { default: 0, min: 0, max: Infinity, unit: "bytes" } as const;

/**
 * Refuses a cut that cannot be made.
 *
 * @throws {ConfigError} `invalid-option`, `unknown-option`.
 */
export function checkCut(options: CutOptions): void {
  checkFields("", NAMES, options);
  checkWord("how", ["reset", "end"], options.how);
  numberOption("after", AFTER, options.after);
  checkDirection(options.direction);
}

/** One connection through a `FaultProxy`. */
export interface ProxyConnection {
  /** The port of the client's end, while it is open. */
  readonly clientPort: number | undefined;
  /** Whether it was cut. */
  readonly isCut: boolean;
  /** What went through to the target. */
  readonly up: LaneStats;
  /** What came through from the target. */
  readonly down: LaneStats;
  /** Resolves when both ends are closed. */
  readonly closed: Promise<void>;

  /**
   * Changes the faults of the connection. What is left out stays as it is.
   *
   * @param direction The direction. Default: both.
   * @throws {ConfigError} `invalid-option` if a value is not allowed.
   */
  set(faults: Faults, direction?: Direction): void;
  /** Makes it half open: nothing is answered, nothing is closed. */
  stall(how?: StallKind, direction?: Direction): void;
  /** Ends a stall. */
  resume(direction?: Direction): void;
  /**
   * Cuts the connection, at once or later. After an ordinary end, data that either side still sends is dropped until
   * that side closes as well.
   */
  cut(options?: CutOptions): void;
}
