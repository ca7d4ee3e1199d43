import { assertEquals } from "@std/assert";
import { FakeClock } from "../../../testing/fake_clock.ts";
import { ActiveSocket } from "./_support/active_socket.ts";
import { PeerProgress, type ProgressOptions } from "./peer_progress.ts";

const MiB = 2 ** 20;
const KiB = 2 ** 10;

function setUp(options?: ProgressOptions) {
  const clock = new FakeClock({ now: 0 });
  const socket = new ActiveSocket(clock);
  const progress = new PeerProgress(socket.activity, 0, options);
  const look = () => {
    progress.update(clock.now());
    return [progress.lastAt, progress.extension];
  };
  return { clock, socket, progress, look };
}

Deno.test("Any byte that arrives is progress, at the time at which it arrived", () => {
  const { clock, socket, look } = setUp();
  clock.tick(1_000);
  assertEquals(look(), [0, 0]);
  socket.arrive(1);
  clock.tick(1_000);
  assertEquals(look(), [1_000, 0]);
});

Deno.test("What was written since the last byte arrived extends deadlines, at 64 KiB/s and for 64 s at most", () => {
  const { clock, socket, look } = setUp();
  socket.complete(64 * KiB);
  assertEquals(look()[1], 1_000);
  socket.complete(MiB);
  assertEquals(look()[1], 17_000);
  socket.complete(100 * MiB);
  assertEquals(look()[1], 64_000);
  // The sign of life came at some time since the last look, so that what was written since counts.
  socket.complete(64 * KiB);
  socket.arrive(1);
  clock.tick(1);
  assertEquals(look()[1], 1_000);
  socket.arrive(1);
  assertEquals(look()[1], 0);
});

Deno.test("Written output is progress only if it is to count", () => {
  for (const countWritten of [false, true]) {
    const { clock, socket, progress, look } = setUp({ countWritten });
    clock.tick(1_000);
    socket.complete(1);
    assertEquals(progress.moved, false);
    assertEquals(look(), [countWritten ? 1_000 : 0, 0]);
  }
});

Deno.test("With a least rate, slower progress does not count, in either direction", () => {
  for (
    const [bytes, counts] of [[1_023 * 10, false], [1_025 * 10, true]] as const
  ) {
    for (const direction of ["arrive", "complete"] as const) {
      const { clock, socket, progress, look } = setUp({
        minRate: KiB,
        countWritten: true,
      });
      clock.tick(10_000);
      socket[direction](bytes);
      assertEquals(look()[0], counts ? 10_000 : 0);
      assertEquals(progress.moved, !counts);
    }
  }
});

Deno.test("A measurement that begins anew forgets what was before", () => {
  const { clock, socket, progress, look } = setUp({ minRate: KiB });
  clock.tick(100_000);
  socket.arrive(50 * KiB);
  assertEquals([look()[0], progress.moved], [0, true]);
  progress.measure(clock.now());
  assertEquals(progress.moved, false);
  clock.tick(1_000);
  socket.arrive(2 * KiB);
  assertEquals(look()[0], 101_000);
});
