import assert from "node:assert/strict";
import type { StreamEnd } from "../stream_end.ts";
import type { StreamKindUnderTest } from "../stream_kinds.ts";

export const MIB = 1_048_576;

/** The two ends of one stream, both paused. */
export interface StreamEnds {
  /** The end under test. */
  readonly ours: StreamEnd;
  readonly peers: StreamEnd;
  readonly kind: StreamKindUnderTest;
}

/** A part of the contract. What arrives at the wrong place or time fails each of them. */
export interface ContractCase {
  readonly name: string;
  /** Whether it takes seconds. */
  readonly isLong?: boolean;
  run(ends: StreamEnds): Promise<void>;
}

/** Waits for the end of the stream, and checks that everything arrived before it. */
export async function arrives(from: StreamEnd, to: StreamEnd): Promise<void> {
  await to.until(() => to.has("end"));
  assert.equal(to.received, from.sent);
}
