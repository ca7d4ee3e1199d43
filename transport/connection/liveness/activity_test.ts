import { assertEquals } from "@std/assert";
import { FakeClock } from "../../../testing/fake_clock.ts";
import { MockSocket } from "../../../testing/mock_socket.ts";
import { ObservedActivity } from "./activity.ts";

Deno.test("Messages with one time stamp share one reading of the monotonic clock, also those of other connections", () => {
  const clock = new FakeClock();
  let readings = 0;
  const now = clock.now.bind(clock);
  clock.now = () => {
    readings++;
    return now();
  };
  const [a, b] = [1, 2].map(() =>
    new ObservedActivity(new MockSocket({ clock }), clock)
  );
  readings = 0;
  for (const activity of [a, b, a]) activity?.received(1, clock.date());
  assertEquals([readings, a?.receivedAt, b?.receivedAt], [1, now(), now()]);
  clock.tick(1);
  b?.received(1, clock.date());
  assertEquals([readings, a?.receivedAt, b?.receivedAt], [2, now() - 1, now()]);
});

Deno.test("What has no time stamp is dated by the monotonic clock", () => {
  const clock = new FakeClock();
  const activity = new ObservedActivity(new MockSocket({ clock }), clock);
  activity.received(1);
  clock.tick(0.5);
  activity.received(1);
  assertEquals(activity.receivedAt, clock.now());
  assertEquals(activity.receivedBytes, 6);
});

Deno.test("What a socket drops at its end does not count as written", () => {
  const clock = new FakeClock();
  const socket = new MockSocket({ clock, buffering: true });
  const activity = new ObservedActivity(socket, clock);
  socket.write("0123456789");
  socket.bufferedAmount = 4;
  activity.wrote();
  activity.stop();
  socket.terminate();
  assertEquals([socket.bufferedAmount, activity.writtenBytes], [0, 6]);
});
