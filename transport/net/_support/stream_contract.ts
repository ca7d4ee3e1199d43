/**
 * What every byte stream has to do, whatever carries it. Runs on Deno, Node.js and Bun.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { ContractCase } from "./contract/case.ts";
import { ENDING } from "./contract/ending.ts";
import { READING } from "./contract/reading.ts";
import { WRITING } from "./contract/writing.ts";
import { countDescriptors, pause, settled } from "./settled.ts";
import { StreamEnd } from "./stream_end.ts";
import type { StreamKindUnderTest } from "./stream_kinds.ts";

export const CONTRACT: readonly ContractCase[] = [
  ...READING,
  ...WRITING,
  ...ENDING,
];

/**
 * Runs a part of the contract with one kind of stream, and checks that nothing arrived wrong and nothing stays open.
 */
export async function runCase(
  kind: StreamKindUnderTest,
  { run }: ContractCase,
): Promise<void> {
  await warmUp(kind);
  const before = countDescriptors();
  const { stream, peer } = await kind.open();
  try {
    const ours = new StreamEnd(stream);
    const peers = new StreamEnd(peer);
    await run({ ours, peers, kind });
    assert.deepEqual(StreamEnd.violations(), []);
  } finally {
    StreamEnd.stopAll();
    stream.destroy();
    peer.destroy();
  }
  await settled(() => {
    const after = countDescriptors();
    assert.ok(after <= before, `${after - before} descriptors stay`);
  });
}

const warm = new Set<string>();
/** Milliseconds after its start by which Deno has opened what it keeps for signals. */
const STARTED = 2_000;

/** Makes the runtime open the descriptors that it keeps. */
async function warmUp({ name, open }: StreamKindUnderTest): Promise<void> {
  if (warm.has(name)) return;
  warm.add(name);
  const { stream, peer } = await open();
  stream.destroy();
  peer.destroy();
  await pause(Math.max(100, STARTED - performance.now()));
}
