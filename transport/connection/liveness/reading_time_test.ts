import { assertEquals } from "@std/assert";
import { FakeClock } from "../../../testing/fake_clock.ts";
import { ActiveSocket } from "./_support/active_socket.ts";
import { ReadingTime } from "./reading_time.ts";

const MiB = 2 ** 20;
const KiB = 2 ** 10;

Deno.test("What was written since the last byte arrived has to be read at 64 KiB/s, in 64 s at most", () => {
  const socket = new ActiveSocket(new FakeClock());
  const time = new ReadingTime(socket.activity);
  assertEquals(time.update(), 0);
  socket.complete(64 * KiB);
  assertEquals(time.update(), 1_000);
  socket.complete(MiB);
  assertEquals(time.update(), 17_000);
  socket.complete(100 * MiB);
  assertEquals(time.update(), 64_000);
  // The byte came at some time since the last look, so that what was written since may have to be read.
  socket.complete(64 * KiB);
  socket.arrive(1);
  assertEquals(time.update(), 1_000);
  socket.arrive(1);
  assertEquals(time.update(), 0);
});

Deno.test("What passed before the beginning does not count", () => {
  const socket = new ActiveSocket(new FakeClock());
  socket.complete(MiB);
  socket.arrive(MiB);
  assertEquals(new ReadingTime(socket.activity).update(), 0);
});
