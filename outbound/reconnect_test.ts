import { assert, assertEquals } from "@std/assert";
import { ConfigError, ConnectionError } from "../transport/base/errors.ts";
import { HandshakeError } from "../transport/handshake/errors.ts";
import { DoNotRetryError, RetryLimitError } from "../transport/base/retry.ts";
import { FakeClock, MockSocket } from "../testing/mod.ts";
import { setUp } from "./_support/set_up.ts";
import type { OutboundPoolOptions } from "./options.ts";
import {
  defaultReconnectDecision,
  LONG_WAIT,
  nextDelay,
  reconnectDelay,
  type ReconnectInfo,
} from "./reconnect.ts";

function info(part: Partial<ReconnectInfo>): ReconnectInfo {
  return {
    id: "peer",
    url: "ws://peer.example",
    cause: "lost",
    closeCode: undefined,
    reason: undefined,
    error: undefined,
    failures: 1,
    ...part,
  };
}

function refused(error: Error): ReconnectInfo {
  return info({ cause: "refused", error });
}

Deno.test("After a loss the decision is to reconnect, but to leave a peer alone that closed with 1008", () => {
  for (const closeCode of [1000, 1001, 1006, 1011, 1012, 4000]) {
    assertEquals(defaultReconnectDecision(info({ closeCode })), "reconnect");
  }
  assertEquals(defaultReconnectDecision(info({ closeCode: 1008 })), LONG_WAIT);
});

Deno.test("A refusal that a retry cannot mend leads to a long wait, an error that cannot heal to a stop", () => {
  for (const status of [301, 401, 403, 404]) {
    const error = new HandshakeError("refused", "no", { status });
    assertEquals(defaultReconnectDecision(refused(error)), LONG_WAIT);
  }
  const certificate = new ConnectionError("dial-failed", "no", {
    cause: new Error("invalid peer certificate: UnknownIssuer"),
  });
  assertEquals(defaultReconnectDecision(refused(certificate)), LONG_WAIT);
  const option = new ConfigError("invalid-option", "proxy", "no");
  assertEquals(defaultReconnectDecision(refused(option)), "stop");
  const limit = new RetryLimitError(3, new Error("refused"));
  assertEquals(defaultReconnectDecision(refused(limit)), "stop");
});

Deno.test("The delay doubles up to the longest, and is spread from one to two times its length", () => {
  const delays = (random: number) =>
    [1, 2, 3, 6, 7, 5_000].map((failures) =>
      reconnectDelay(2_000, 60_000, failures, () => random)
    );
  assertEquals(delays(0), [2_000, 4_000, 8_000, 60_000, 60_000, 60_000]);
  assertEquals(delays(0.5), [3_000, 6_000, 12_000, 90_000, 90_000, 90_000]);
});

Deno.test("A longest delay under the usual one does not shorten it", () => {
  assertEquals(reconnectDelay(2_000, 1_000, 4, () => 0), 2_000);
});

Deno.test("A delay of 0 is at once after the first failure, and grows from 100 after that", () => {
  const delays = [1, 2, 3, 4, 5_000].map((failures) =>
    reconnectDelay(0, 60_000, failures, () => 0)
  );
  assertEquals(delays, [0, 100, 200, 400, 60_000]);
});

const HOT: Readonly<Record<string, OutboundPoolOptions>> = {
  "reconnectDelay of 0": { worker: { reconnectDelay: 0 } },
  "reconnectDelay and stableAfter of 0": {
    worker: { reconnectDelay: 0, stableAfter: 0 },
  },
  "decision to dial after 0 ms": { shouldReconnect: () => 0 },
};
for (const [name, options] of Object.entries(HOT)) {
  Deno.test(`With a ${name} a server that closes every connection leads to no hot loop`, async () => {
    const { pool, clock, dialer } = setUp([], options);
    dialer.otherwise = (url) => {
      const socket = new MockSocket({ url, clock });
      socket.end({ code: 1006 });
      return socket;
    };
    pool.connect("ws://peer.example");
    await clock.advance(10_000);
    const count = dialer.attempts.length;
    assert(count > 5 && count <= 101, `${count} dials in ten seconds`);
    await pool.close();
    assertEquals(clock.pending, 0);
  });
}

Deno.test("A connection that held is followed by a dial at once if the delay is 0", async () => {
  const { pool, clock, sockets } = setUp([], { worker: { reconnectDelay: 0 } });
  pool.connect("ws://peer.example");
  await clock.advance(50_000);
  sockets[0]?.end({ code: 1006 });
  await clock.advance(0);
  assertEquals(sockets.length, 2);
  await pool.close();
});

Deno.test("With a reconnectDelay of 0 the delay of a peer that flaps grows", async () => {
  const { pool, clock, dialer } = setUp([], { worker: { reconnectDelay: 0 } });
  dialer.otherwise = (url) => {
    const socket = new MockSocket({ url, clock });
    socket.end({ code: 1006 });
    return socket;
  };
  pool.connect("ws://peer.example");
  await clock.advance(600_000);
  const count = dialer.attempts.length;
  // At once, ten doublings from 100 ms, then once in one to two minutes.
  assert(count > 10 && count < 22, `${count} dials in ten minutes`);
  await pool.close();
});

Deno.test("A decision in milliseconds comes before what a busy server asks for, the usual delay does not", () => {
  const clock = new FakeClock();
  clock.setRandom(() => 0);
  const error = new HandshakeError("refused", "busy", {
    status: 503,
    headers: new Headers({ "retry-after": "60" }),
  });
  const delay = (decision: "reconnect" | number, part = {}) =>
    nextDelay({
      decision,
      error,
      failures: 2,
      heldFor: 0,
      workerOptions: { reconnectDelay: 2_000, maxReconnectDelay: 60_000 },
      clock,
      ...part,
    });
  assertEquals(delay("reconnect"), 60_000);
  assertEquals(delay("reconnect", { error: undefined }), 4_000);
  assertEquals(delay(5_000), 5_000);
  assertEquals(delay(0), 100);
  assertEquals(delay(0, { heldFor: 60_000 }), 100);
  assertEquals(delay(0, { failures: 1 }), 100);
  assertEquals(delay(0, { failures: 1, heldFor: 60 }), 40);
  assertEquals(delay(0, { failures: 1, heldFor: 60_000 }), 0);
});

Deno.test("A policy that gives up on a busy server stops the peer; a decision may go on after its Retry-After", async () => {
  const busy = () =>
    new HandshakeError("refused", "busy", {
      status: 503,
      headers: new Headers({ "retry-after": "60" }),
    });
  for (const shouldReconnect of [undefined, () => "reconnect" as const]) {
    const { pool, clock, dialer } = setUp([busy()], {
      connection: { retry: false },
      shouldReconnect,
    });
    clock.setRandom(() => 0);
    const id = pool.connect("ws://peer.example");
    await clock.advance(59_999);
    assertEquals(dialer.attempts.length, 1);
    await clock.advance(1);
    const going = shouldReconnect !== undefined;
    assertEquals(dialer.attempts.length, going ? 2 : 1);
    assertEquals(pool.peerState(id).state, going ? "connected" : "stopped");
    await pool.close();
  }
});

Deno.test("A DoNotRetryError stops the peer, wherever it stands in the chain of causes", async () => {
  for (
    const error of [
      new DoNotRetryError("no"),
      new Error("outer", { cause: new DoNotRetryError("no") }),
    ]
  ) {
    const { pool, clock, dialer } = setUp([error]);
    const id = pool.connect("ws://peer.example");
    await clock.advance(600_000);
    assertEquals(dialer.attempts.length, 1);
    assertEquals(pool.peerState(id), { state: "stopped", error });
    await pool.close();
  }
});
