import { assert, assertEquals } from "@std/assert";
import { within } from "./_support/deadline.ts";
import type { Row } from "./_support/row.ts";

/** The peer answers our ping. */
export async function pingOut(row: Row): Promise<void> {
  const { ours } = await row.open();
  for (let i = 0; i < 3; i++) {
    const latency = await within("A pong of the peer", ours.ping());
    assert(latency >= 0);
  }
  await ours.close();
}

/** We answer a ping of the peer, with its payload. */
export async function pingIn(row: Row): Promise<void> {
  const session = await row.open();
  for (const payload of ["", "p", "a".repeat(125)]) {
    await session.command({ do: "ping", payload });
    assertEquals((await session.report("pong")).payload, payload);
  }
  await session.ours.close();
}

/** The server selects one of the offered subprotocols, or none if none was offered. */
export async function subprotocols(row: Row): Promise<void> {
  for (
    const [offered, selected] of [
      [[], ""],
      [["beta"], "beta"],
      [["alpha", "gamma"], "gamma"],
      [["delta", "beta", "alpha"], "beta"],
    ] as const
  ) {
    const { ours, opened } = await row.open({ protocols: offered });
    assertEquals([ours.protocol, opened.protocol], [selected, selected]);
    await ours.close();
  }
}
