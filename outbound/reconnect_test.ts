import { assert, assertEquals } from "@std/assert";
import { ConfigError, ConnectionError } from "../transport/base/errors.ts";
import { HandshakeError } from "../transport/handshake/errors.ts";
import { RetryLimitError } from "../transport/base/retry.ts";
import { FakeClock, MockDialer, MockSocket } from "../testing/mod.ts";
import { OutboundPool } from "./pool.ts";
import {
  defaultVerdict,
  LONG_WAIT,
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

Deno.test("After a loss the verdict is to reconnect, but to leave a peer alone that closed with 1008", () => {
  for (const closeCode of [1000, 1001, 1006, 1011, 1012, 4000]) {
    assertEquals(defaultVerdict(info({ closeCode })), "reconnect");
  }
  assertEquals(defaultVerdict(info({ closeCode: 1008 })), LONG_WAIT);
});

Deno.test("A refusal that retrying does not mend is a long wait, what cannot work or was given up a stop", () => {
  for (const status of [301, 401, 403, 404]) {
    const error = new HandshakeError("refused", "no", { status });
    assertEquals(defaultVerdict(refused(error)), LONG_WAIT);
  }
  const certificate = new ConnectionError("dial-failed", "no", {
    cause: new Error("invalid peer certificate: UnknownIssuer"),
  });
  assertEquals(defaultVerdict(refused(certificate)), LONG_WAIT);
  const option = new ConfigError("invalid-option", "proxy", "no");
  assertEquals(defaultVerdict(refused(option)), "stop");
  const limit = new RetryLimitError(3, new Error("refused"));
  assertEquals(defaultVerdict(refused(limit)), "stop");
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

Deno.test("With a reconnectDelay of 0 a peer that flaps is no hot loop", async () => {
  const clock = new FakeClock();
  const dialer = new MockDialer([], {
    otherwise: (url) => {
      const socket = new MockSocket({ url, clock });
      socket.end({ code: 1006 });
      return socket;
    },
  });
  const pool = new OutboundPool("pool", {
    clock,
    dialer: dialer.dial,
    worker: { reconnectDelay: 0 },
  });
  pool.connect("ws://peer.example");
  await clock.advance(600_000);
  const count = dialer.attempts.length;
  // At once, ten doublings from 100 ms, then once in one to two minutes.
  assert(count > 10 && count < 22, `${count} dials in ten minutes`);
  await pool.close();
  assertEquals(clock.pending, 0);
});
