import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FakeClock } from "../../../testing/fake_clock.ts";
import { MockSocket } from "../../../testing/mock_socket.ts";
import { ConnectionError } from "../../base/errors.ts";
import { Pinger } from "./pinger.ts";

function setUp() {
  const clock = new FakeClock({ now: 0 });
  const socket = new MockSocket({ clock });
  const answers: [latency: number, at: number][] = [];
  let sent = 0;
  const pinger = new Pinger(socket, clock, {
    sending() {},
    sent: () => sent++,
    answered: (latency, at) => answers.push([latency, at]),
  });
  const pong = (place: number) => {
    const payload = socket.pings[place];
    assert(payload !== undefined);
    pinger.pong(payload, clock.now());
  };
  return { clock, socket, pinger, answers, pong, sent: () => sent };
}

Deno.test("A pong is known by its payload: an unsolicited one answers nothing, nor does a second one", () => {
  const { pinger, answers, pong } = setUp();
  pinger.send();
  pinger.pong(new Uint8Array(0), 5);
  pinger.pong(new Uint8Array(8), 5);
  assertEquals([answers.length, pinger.waits], [0, true]);
  pong(0);
  pong(0);
  assertEquals([answers.length, pinger.waits], [1, false]);
});

Deno.test("A ping gives its round trip; a pong answers the pings before it too", async () => {
  const { clock, pinger, answers, pong } = setUp();
  const first = pinger.ping();
  await clock.advance(30);
  const second = pinger.ping();
  await clock.advance(20);
  pong(1);
  assertEquals(await Promise.all([first, second]), [50, 20]);
  assertEquals(answers, [[20, 50]]);
});

Deno.test("A pong that comes inside the call that pings is an answer", async () => {
  const { socket, pinger, answers } = setUp();
  socket.behaviour.ping = (payload) => pinger.pong(payload, 0);
  assertEquals(await pinger.ping(), 0);
  assertEquals(answers, [[0, 0]]);
});

Deno.test("A ping ends with its signal, or with the connection", async () => {
  const { pinger, pong, answers, sent } = setUp();
  const controller = new AbortController();
  const cut = pinger.ping(controller.signal);
  controller.abort(new Error("enough"));
  await assertRejects(() => cut, Error, "enough");
  pong(0);
  assertEquals(answers, []);
  await assertRejects(() => pinger.ping(controller.signal), Error, "enough");
  assertEquals(sent(), 1);
  const waiting = pinger.ping();
  pinger.stop();
  assertEquals(
    (await assertRejects(() => waiting, ConnectionError)).code,
    "connection-closed",
  );
});

Deno.test("A socket that cannot ping fails the call, and nothing waits for a pong", async () => {
  const { socket, pinger, sent } = setUp();
  socket.behaviour.ping = () => {
    throw new Error("no ping");
  };
  assertThrows(() => pinger.send(), Error, "no ping");
  await assertRejects(() => pinger.ping(), Error, "no ping");
  assertEquals([pinger.waits, sent()], [false, 0]);
});

Deno.test("Of a peer that answers nothing only the newest pings are remembered, and every call that waits", async () => {
  const { clock, pinger, pong, answers } = setUp();
  const patient = pinger.ping();
  for (let i = 0; i < 100; i++) {
    await clock.advance(1);
    pinger.send();
  }
  pong(50);
  assertEquals(answers, []);
  pong(100);
  assertEquals(answers, [[0, 100]]);
  assertEquals(await patient, 100);
});
