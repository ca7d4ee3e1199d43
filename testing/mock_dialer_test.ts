import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
} from "@std/assert";
import type { Socket } from "../transport/socket/socket.ts";
import { MockDialer } from "./mock_dialer.ts";
import { MockSocket } from "./mock_socket.ts";
import { countListeners } from "../transport/base/_support/signals.ts";

Deno.test("dials follow the script, then give a new mock socket each time", async () => {
  const first = new MockSocket();
  const third = new MockSocket();
  const dialer = new MockDialer([first, new Error("refused")]);
  dialer.script((url, _options, number) =>
    new MockSocket({ url: `${url}/${number}` })
  );
  dialer.script(third);
  const { dial } = dialer;
  assert(await dial("ws://a.test", {}) === first);
  await assertRejects(() => dial("ws://a.test", {}), Error, "refused");
  assertEquals((await dial("ws://a.test", {})).url, "ws://a.test/3");
  assert(await dial("ws://a.test", {}) === third);
  const one = await dial("ws://b.test", {});
  const two = await dial("ws://b.test", {});
  assertInstanceOf(one, MockSocket);
  assert(one !== two);
  assertEquals(two.url, "ws://b.test");
});

Deno.test("what dials do after the script can be changed", async () => {
  const dialer = new MockDialer([], { otherwise: new Error("down") });
  await assertRejects(() => dialer.dial("ws://a.test", {}), Error, "down");
  const socket = new MockSocket();
  dialer.otherwise = socket;
  assert(await dialer.dial("ws://a.test", {}) === socket);
});

Deno.test("every dial is noted with its options, and can be waited for", async () => {
  const dialer = new MockDialer();
  const next = dialer.take();
  const options = { headers: { a: "1" } };
  const socket = await dialer.dial("ws://a.test", options);
  const attempt = await next;
  assertEquals(attempt?.number, 1);
  assertEquals(attempt?.url, "ws://a.test");
  assert(attempt?.options === options);
  assert(await attempt?.result === socket);
  assertEquals(dialer.attempts.length, 1);
});

Deno.test("a dial that never ends ends by its signal", async () => {
  const dialer = new MockDialer(["never"]);
  const cancel = new AbortController();
  const dialled = dialer.dial("ws://a.test", { signal: cancel.signal });
  assertEquals(dialer.inFlight, 1);
  cancel.abort(new Error("enough"));
  await assertRejects(() => dialled, Error, "enough");
  assertEquals(dialer.inFlight, 0);
});

Deno.test("a dial whose signal has aborted already takes nothing from the script", async () => {
  const socket = new MockSocket();
  const dialer = new MockDialer([socket]);
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(
    () => dialer.dial("ws://a.test", { signal }),
    Error,
    "enough",
  );
  assert(await dialer.dial("ws://a.test", {}) === socket);
});

Deno.test("a socket that comes after the signal has aborted is cut", async () => {
  const late = Promise.withResolvers<Socket>();
  const dialer = new MockDialer([() => late.promise]);
  const cancel = new AbortController();
  const dialled = dialer.dial("ws://a.test", { signal: cancel.signal });
  cancel.abort(new Error("enough"));
  await assertRejects(() => dialled, Error, "enough");
  const socket = new MockSocket();
  late.resolve(socket);
  assertEquals((await socket.closed).code, 1006);
});

Deno.test("a function that throws makes a dial that fails", async () => {
  const dialer = new MockDialer([() => {
    throw new Error("broken");
  }]);
  await assertRejects(() => dialer.dial("ws://a.test", {}), Error, "broken");
});

Deno.test("dials in flight are counted, and the most there ever were", async () => {
  const answers = [1, 2, 3].map(() => Promise.withResolvers<Socket>());
  const dialer = new MockDialer(answers.map(({ promise }) => () => promise));
  const dials = answers.map((_, i) => dialer.dial(`ws://${i}.test`, {}));
  assertEquals([dialer.inFlight, dialer.maxInFlight], [3, 3]);
  for (const answer of answers) answer.resolve(new MockSocket());
  await Promise.all(dials);
  assertEquals([dialer.inFlight, dialer.maxInFlight], [0, 3]);
});

Deno.test("a long-lived signal does not collect listeners", async () => {
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  const dialer = new MockDialer([new Error("no")]);
  await assertRejects(() => dialer.dial("ws://a.test", { signal }));
  await dialer.dial("ws://a.test", { signal });
  assertEquals(listeners(), 0);
});
