import { assert, assertEquals } from "@std/assert";
import { turns } from "../../_support/raw.ts";
import {
  joinReaders,
  leaveReaders,
  mayRead,
  readDone,
  type Reader,
} from "./read_turns.ts";

/** More sockets than the runtime serves in one turn. */
const SOCKETS = 200;
const TURN = 128;
/** Reads of a turn that may have left others waiting. */
const FULL = 64;
const NOBODY: Reader = { readOn: () => {} };

/** So many reads come back in one turn. */
async function reads(count: number): Promise<void> {
  for (let i = 0; i < count; i++) readDone();
  await turns(1);
}

/** Busy turns until the next reads have to wait. */
async function busy(): Promise<void> {
  let count = 0;
  while (mayRead(NOBODY)) {
    assert(count < 2 * SOCKETS + TURN);
    await reads(TURN);
    count += TURN;
  }
  assert(count >= 2 * SOCKETS);
}

async function idle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20));
}

function withReaders(name: string, test: () => Promise<void>): void {
  Deno.test(name, async () => {
    for (let i = 0; i < SOCKETS; i++) joinReaders();
    try {
      await test();
    } finally {
      for (let i = 0; i < SOCKETS; i++) leaveReaders();
    }
  });
}

Deno.test("where a turn serves all sockets nobody waits", async () => {
  for (let i = 0; i < TURN; i++) joinReaders();
  for (let i = 0; i < 10; i++) {
    await reads(TURN);
    assert(mayRead(NOBODY));
  }
  for (let i = 0; i < TURN; i++) leaveReaders();
});

withReaders("turns that are not full hold up nobody", async () => {
  for (let i = 0; i < 10; i++) {
    await reads(TURN);
    await reads(FULL - 1);
    assert(mayRead(NOBODY));
  }
});

withReaders(
  "when some may starve the next reads wait until those before have come back",
  async () => {
    await busy();
    const admitted: number[] = [];
    for (let i = 0; i < TURN; i++) {
      assert(!mayRead({ readOn: () => admitted.push(i) }));
    }
    await reads(TURN);
    assertEquals(admitted, []);
    await reads(1);
    assertEquals(admitted, Array.from({ length: TURN }, (_, i) => i));
    assert(mayRead(NOBODY));
  },
);

withReaders(
  "when nothing more comes back the next reads are admitted",
  async () => {
    await busy();
    let admitted = 0;
    assert(!mayRead({ readOn: () => admitted++ }));
    await idle();
    assertEquals(admitted, 1);
    assert(mayRead(NOBODY));
  },
);

withReaders("a reader that was admitted may have to wait again", async () => {
  let admitted = 0;
  const target = { readOn: () => admitted++ };
  for (let round = 1; round <= 3; round++) {
    await busy();
    assert(!mayRead(target));
    await reads(1);
    assertEquals(admitted, round);
  }
});

withReaders(
  "an event loop that was busy is not taken for a quiet runtime",
  async () => {
    await busy();
    let admitted = 0;
    assert(!mayRead({ readOn: () => admitted++ }));
    const end = performance.now() + 20;
    while (performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 0));
    await turns(1);
    assertEquals(admitted, 0);
    await reads(1);
    assertEquals(admitted, 1);
  },
);
