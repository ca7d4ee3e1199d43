/** Messages of a peer that arrive after another peer with its id was added. */

import { assertEquals } from "@std/assert";
import { setUp, Source } from "./_support/delivery.ts";

Deno.test("What a replaced peer still brings counts as that of a peer that has left when the peer that replaced it leaves", () => {
  const { backlogs, admit } = setUp({}, 1);
  new Source(admit("other"), 1).receive("0");
  const old = admit();
  const before = new Source(old, 1);
  before.finish();
  const next = admit("a", old);
  before.receive("1", "2");
  assertEquals(backlogs.departedSpace.items, 4);
  next.leave();
  assertEquals([backlogs.waiting, backlogs.departedSpace.items], [2, 2]);
});

Deno.test("What a peer that has left still brings takes no space from its successor", () => {
  const { backlogs, admit, read, log } = setUp({ maxDepartedItems: 1 }, 1);
  const other = admit("other");
  const first = new Source(other, 1);
  first.finish();
  first.receive("0", "1");
  other.leave();
  assertEquals(backlogs.departedSpace.items, 0);
  const old = admit();
  const before = new Source(old, 1);
  before.finish();
  old.leave();
  const next = admit("a", old);
  before.receive("2");
  const source = new Source(next, 2);
  source.receive("3");
  assertEquals(source.overflows, []);
  read();
  assertEquals(log, ["0", "1", "2", "3"]);
});

Deno.test("What waits of a replaced peer is that of its successor, and leaves with the successor", () => {
  const { backlogs, admit, read, log } = setUp({ maxDepartedItems: 1 }, 1);
  const old = admit();
  const source = new Source(old, 1);
  source.finish();
  source.receive("0", "1", "2");
  const next = admit("a", old);
  old.leave();
  assertEquals(backlogs.departedSpace.items, 1);
  assertEquals([backlogs.waiting, old.counter.droppedMessages], [2, 0]);
  next.leave();
  assertEquals(backlogs.departedSpace.items, 0);
  assertEquals([backlogs.waiting, next.counter.droppedMessages], [1, 1]);
  read();
  assertEquals(log, ["0", "1"]);
});

Deno.test("What peers that have left still bring is limited for all of them together", () => {
  for (
    const limits of [
      { maxDepartedItems: 4, maxDepartedBytes: 1_000 },
      { maxDepartedItems: 1_000, maxDepartedBytes: 4 },
    ]
  ) {
    const { backlogs, admit, read, log, errors } = setUp(limits, 1);
    new Source(admit("other"), 1).receive("0");
    let dropped = 0;
    for (let i = 0; i < 100; i++) {
      const delivery = admit(`peer ${i}`);
      const source = new Source(delivery, 1);
      source.finish();
      delivery.leave();
      source.receive("1", "2");
      source.end();
      dropped += delivery.counter.droppedMessages;
    }
    assertEquals([backlogs.waiting, dropped, errors.length], [4, 196, 98]);
    read();
    assertEquals(log.sort(), ["0", "1", "1", "2", "2"]);
    assertEquals(backlogs.size, 0);
  }
});

Deno.test("A peer that is removed and added again in its event keeps the messages that follow", () => {
  const { inbox, backlogs, admit, emit, read, log } = setUp({}, 1, Infinity, {
    left() {
      // Nothing waits any more when this peer leaves.
      admit().leave();
      new Source(admit(), 3).receive("2", "3");
    },
  });
  const first = admit();
  const source = new Source(first, 1);
  source.finish();
  source.receive("0", "1");
  first.leave();
  emit(first, "left");
  read();
  assertEquals(log, ["left", "0", "1", "2", "3"]);
  assertEquals([backlogs.size, inbox.size], [0, 0]);
});
