import { assertEquals } from "@std/assert";
import { FakeClock } from "../../testing/mod.ts";
import type { MessageDelivery } from "./delivery.ts";
import { filterMessages, paceMessages } from "./blocks.ts";

/** A delivery that records everything, and has no space while `full` is set. */
function recording(full: () => boolean = () => false) {
  const log: string[] = [];
  const sources: { resume(): void }[] = [];
  const delivery: MessageDelivery = {
    open(_session, source) {
      sources.push(source);
      return {
        message(data) {
          log.push(String(data));
          return !full();
        },
        finish: () => void log.push("finish"),
        end: (dropped = 0) => void log.push(dropped ? `end ${dropped}` : "end"),
      };
    },
  };
  return { delivery, log, sources };
}

/** A connection that counts how often it was resumed. */
function connection(flowControl = true) {
  return {
    flowControl,
    resumed: 0,
    resume() {
      this.resumed++;
    },
  };
}

Deno.test("filterMessages delivers accepted messages, and goes on reading after the others", () => {
  const { delivery, log } = recording(() => true);
  const filtered = filterMessages(delivery, (data) => data !== "drop");
  const sink = filtered.open(1, connection());
  assertEquals(
    ["a", "drop", "b"].map((data) => sink.message(data, 1, 0)),
    [false, true, false],
  );
  sink.finish();
  sink.end();
  assertEquals(log, ["a", "b", "finish", "end"]);
});

Deno.test("paceMessages reads on when the pause is over and the inbox has space, whichever comes last", async () => {
  const clock = new FakeClock();
  let full = true;
  const { delivery, log, sources } = recording(() => full);
  const source = connection();
  const sink = paceMessages(delivery, clock, (data) => Number(data))
    .open(1, source);
  assertEquals(sink.message("100", 3, 0), false);
  await clock.advance(100);
  assertEquals(source.resumed, 0);
  full = false;
  sources[0]?.resume();
  assertEquals(source.resumed, 1);
  full = true;
  assertEquals(sink.message("100", 3, 0), false);
  sources[0]?.resume();
  assertEquals(source.resumed, 1);
  await clock.advance(100);
  assertEquals(source.resumed, 2);
  full = false;
  assertEquals(sink.message("0", 1, 0), true);
  assertEquals(log, ["100", "100", "0"]);
  sink.end();
  assertEquals(clock.pending, 0);
});

Deno.test("paceMessages pauses nothing that is about to close, or has no backpressure", async () => {
  const clock = new FakeClock();
  const { delivery, log } = recording();
  const source = connection();
  const paced = paceMessages(delivery, clock, () => 1_000);
  const sink = paced.open(1, source);
  assertEquals(sink.message("a", 1, 0), false);
  sink.finish();
  assertEquals([source.resumed, clock.pending], [1, 0]);
  assertEquals(sink.message("b", 1, 0), true);
  sink.end();
  assertEquals(log, ["a", "finish", "b", "end"]);
  const native = paced.open(2, connection(false));
  assertEquals(native.message("c", 1, 0), true);
  const abandoned = paced.open(3, connection());
  assertEquals(abandoned.message("d", 1, 0), false);
  abandoned.end();
  assertEquals(clock.pending, 0);
  await clock.settle();
});

Deno.test("Both pass on how many messages a connection dropped at its end", () => {
  for (
    const make of [
      (delivery: MessageDelivery) => filterMessages(delivery, () => true),
      (delivery: MessageDelivery) =>
        paceMessages(delivery, new FakeClock(), () => 0),
    ]
  ) {
    const { delivery, log } = recording();
    make(delivery).open(1, connection()).end(3);
    assertEquals(log, ["end 3"]);
  }
});
