import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { MockSocket } from "../../testing/mock_socket.ts";
import { ConnectionError } from "../base/errors.ts";
import { Pinger } from "./pinger.ts";

function setUp(interval: number, controlFrames = true) {
  const clock = new FakeClock({ now: 0 });
  const socket = new MockSocket({ clock, controlFrames });
  const answers: [latency: number, at: number][] = [];
  const pinger = new Pinger({
    socket,
    clock,
    interval,
    onAnswer: (latency, at) => answers.push([latency, at]),
  });
  const pong = (place: number) => {
    const payload = socket.pings[place];
    assert(payload !== undefined);
    pinger.pong(payload, clock.now());
  };
  return { clock, socket, pinger, answers, pong };
}

Deno.test("Pings go out every interval, a tenth earlier or later", async () => {
  for (const [random, first] of [[0, 900], [0.999_999, 1_100]] as const) {
    const { clock, socket, pinger } = setUp(1_000);
    pinger.stop();
    clock.setRandom(() => random);
    const again = new Pinger({ socket, clock, interval: 1_000, onAnswer() {} });
    await clock.advance(first - 2);
    assertEquals(socket.pings.length, 0);
    await clock.advance(3);
    assertEquals(socket.pings.length, 1);
    again.stop();
    assertEquals(clock.pending, 0);
  }
});

Deno.test("Nothing pings by itself with an interval of 0, or where there are no control frames", async () => {
  for (const [interval, controlFrames] of [[0, true], [100, false]] as const) {
    const { clock, socket } = setUp(interval, controlFrames);
    await clock.advance(10_000);
    assertEquals([socket.pings.length, clock.pending], [0, 0]);
  }
});

Deno.test("A pong is known by its payload: an unasked one counts for nothing, nor does a second one", () => {
  const { pinger, answers, pong } = setUp(0);
  void pinger.ping();
  pinger.pong(new Uint8Array(0), 5);
  pinger.pong(new Uint8Array(8), 5);
  assertEquals(answers, []);
  pong(0);
  pong(0);
  assertEquals(answers.length, 1);
});

Deno.test("A ping gives its round trip; a pong answers the pings before it too", async () => {
  const { clock, pinger, answers, pong } = setUp(0);
  const first = pinger.ping();
  await clock.advance(30);
  const second = pinger.ping();
  await clock.advance(20);
  pong(1);
  assertEquals(await Promise.all([first, second]), [50, 20]);
  assertEquals(answers, [[20, 50]]);
});

Deno.test("A ping ends with its signal, or with the connection", async () => {
  const { pinger, pong, answers } = setUp(0);
  const controller = new AbortController();
  const cut = pinger.ping(controller.signal);
  controller.abort(new Error("enough"));
  await assertRejects(() => cut, Error, "enough");
  pong(0);
  assertEquals(answers, []);
  const waiting = pinger.ping();
  pinger.stop();
  assertEquals(
    (await assertRejects(() => waiting, ConnectionError)).code,
    "connection-closed",
  );
});

Deno.test("A peer that answers nothing is not sent pings without end", async () => {
  const { clock, socket, pinger } = setUp(100);
  await clock.advance(100_000);
  assertEquals(socket.pings.length, 8);
  pinger.stop();
});
