import { assertEquals } from "@std/assert";
import { FakeClock } from "../../../testing/fake_clock.ts";
import { ActiveSocket } from "./_support/active_socket.ts";
import { PeerProgress } from "./peer_progress.ts";

const KiB = 2 ** 10;

function setUp(minRate: number, countWritten = false) {
  const clock = new FakeClock({ now: 0 });
  const socket = new ActiveSocket(clock);
  const progress = new PeerProgress(socket.activity, 0, {
    minRate,
    countWritten,
  });
  const look = () => {
    progress.update(clock.now());
    return progress.lastAt;
  };
  return { clock, socket, progress, look };
}

Deno.test("Bytes that arrive are progress, at the time at which the last one arrived", () => {
  const { clock, socket, look } = setUp(0);
  clock.tick(1_000);
  assertEquals(look(), 0);
  socket.arrive(1);
  clock.tick(1_000);
  assertEquals(look(), 1_000);
});

Deno.test("Written output is progress only if it is to count", () => {
  for (const countWritten of [false, true]) {
    const { clock, socket, progress, look } = setUp(0, countWritten);
    clock.tick(1_000);
    socket.complete(1);
    assertEquals(progress.moved, countWritten);
    assertEquals(look(), countWritten ? 1_000 : 0);
  }
});

Deno.test("Slower progress than the least rate does not count, in either direction", () => {
  for (
    const [bytes, counts] of [[1_023 * 10, false], [1_025 * 10, true]] as const
  ) {
    for (const direction of ["arrive", "complete"] as const) {
      const { clock, socket, progress, look } = setUp(KiB, true);
      clock.tick(10_000);
      socket[direction](bytes);
      assertEquals(look(), counts ? 10_000 : 0);
      assertEquals(progress.moved, !counts);
    }
  }
});

Deno.test("A measurement that begins anew forgets what was before", () => {
  const { clock, socket, progress, look } = setUp(KiB);
  clock.tick(100_000);
  socket.arrive(50 * KiB);
  assertEquals([look(), progress.moved], [0, true]);
  progress.measure(clock.now());
  assertEquals(progress.moved, false);
  clock.tick(1_000);
  socket.arrive(2 * KiB);
  assertEquals(look(), 101_000);
});
