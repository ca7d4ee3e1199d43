import { assert, assertEquals } from "@std/assert";
import type { Terms } from "./peer_checks.ts";
import type { Row } from "./_support/row.ts";

/** Every kind of close code that may be sent (RFC 6455, section 7.4). */
export const CODES = [
  ...[1000, 1001, 1002, 1003],
  ...[1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014],
  ...[3000, 3999, 4000, 4999],
];
/** The close code that stands for a close frame without one. */
export const NO_CODE = 1005;
const REASONS = ["", "grüß \u{1f41d}", "r".repeat(123)];

/** We close with every code of a list. */
export async function closeOut(
  row: Row,
  { codes }: Terms,
): Promise<void> {
  let i = 0;
  for (const code of codes) {
    const none = code === NO_CODE;
    const reason = none ? "" : REASONS[i++ % REASONS.length] ?? "";
    const session = await row.open();
    const end = await (none
      ? session.closeWithoutCode()
      : session.ours.close(code, reason));
    assert(end.clean, `Our close with ${code} was not clean`);
    const report = await session.report("close");
    // What a peer reports in place of a code that did not come is its own choice.
    if (!none) {
      assertEquals([report.code, report.reason], [code, reason]);
    }
    assert(report.clean !== false, `The peer says that ${code} was not clean`);
  }
}

/** The peer closes with every code of a list. */
export async function closeIn(
  row: Row,
  { codes }: Terms,
): Promise<void> {
  let i = 0;
  for (const code of codes) {
    const none = code === NO_CODE;
    const reason = none ? "" : REASONS[i++ % REASONS.length] ?? "";
    const session = await row.open();
    await session.command(
      none ? { do: "close" } : { do: "close", code, reason },
    );
    const end = await session.end;
    assertEquals([end.code, end.reason], [code, reason]);
    assertEquals([end.clean, end.initiator], [true, "peer"], `Close ${code}`);
    await session.report("close");
  }
}

/** Both close at once: both end, and neither takes it for a failure. */
export async function closeBoth(row: Row): Promise<void> {
  for (let i = 0; i < 5; i++) {
    const session = await row.open();
    await session.command({ do: "close", code: 4001, reason: "theirs" });
    const end = await session.ours.close(4002, "ours");
    assert(end.clean, "The close was not clean");
    // A peer may answer our close frame before it obeys the command.
    assert([4001, 4002].includes(end.code), `Our end says ${end.code}`);
    const report = await session.report("close");
    assert(report.clean !== false, "The peer says that it was not clean");
  }
}

/** We cut the connection: the peer notices. */
export async function cutOut(row: Row): Promise<void> {
  const session = await row.open();
  session.ours.terminate();
  const { clean } = await session.report("close");
  if (row.raw) assert(clean !== true, "The peer says that it was clean");
}

/** The peer cuts the connection, in the middle of what we send: we notice. */
export async function cutIn(row: Row): Promise<void> {
  const session = await row.open();
  await session.command({ do: "terminate" });
  const end = await session.end;
  assertEquals([end.code, end.clean], [1006, false]);
  await session.report("close");
}

/** The process of the peer is killed: we notice. */
export async function killed(row: Row): Promise<void> {
  const session = await row.open();
  row.peer.kill();
  const end = await session.end;
  assertEquals([end.code, end.clean], [1006, false]);
}
