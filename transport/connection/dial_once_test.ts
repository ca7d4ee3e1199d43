import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { MockDialer } from "../../testing/mock_dialer.ts";
import { MockSocket } from "../../testing/mock_socket.ts";
import { ConfigError, ConnectionError } from "../base/errors.ts";
import type { RetryInfo } from "../base/retry.ts";
import type { Dialer, DialGate } from "../client/dialer.ts";
import { HandshakeError } from "../handshake/errors.ts";
import type { HeadersInput } from "../handshake/headers.ts";
import type { Socket } from "../socket/socket.ts";
import { countListeners } from "../base/_support/signals.ts";
import { Connection } from "./connection.ts";
import { dialOnce } from "./dial_once.ts";
import type { ConnectionOptions } from "./options.ts";

const URL = "ws://a.example";

/** A connection on a fake clock that notes each failed dial. */
function setUp(options: ConnectionOptions) {
  const clock = new FakeClock();
  clock.setRandom(() => 0.5);
  const failures: RetryInfo[] = [];
  const connection = new Connection(URL, {
    clock,
    pingInterval: 0,
    onRetry: (info) => void failures.push(info),
    ...options,
  });
  return { clock, failures, connection };
}

for (const hangs of ["dialer", "headers"] as const) {
  Deno.test(`handshakeTimeout bounds a ${hangs} that never settles, and the next attempt succeeds`, async () => {
    let attempts = 0;
    const hang = () => new Promise<never>(() => {});
    const { clock, failures, connection } = setUp({
      handshakeTimeout: 1_000,
      headers: () => ++attempts === 1 && hangs === "headers" ? hang() : {},
      dialer: () => attempts === 1 ? hang() : Promise.resolve(new MockSocket()),
    });
    const connecting = connection.connect();
    await clock.advance(999);
    assertEquals(failures.length, 0);
    await clock.advance(1);
    await connecting;
    assertEquals(attempts, 2);
    assert(failures[0]?.error instanceof HandshakeError);
    assertEquals(failures[0].error.code, "timeout");
    assertEquals(clock.pending, 0);
    await connection.close();
  });
}

Deno.test("With handshakeTimeout 0 a dial may take as long as it likes, and close ends it", async () => {
  const { clock, failures, connection } = setUp({
    handshakeTimeout: 0,
    dialer: () => new Promise(() => {}),
  });
  const connecting = connection.connect();
  await clock.advance(10_000_000);
  assertEquals([failures.length, connection.state], [0, "connecting"]);
  await connection.close();
  await assertRejects(() => connecting, ConnectionError);
});

Deno.test("A socket that arrives after the timeout or the abort is cut", async () => {
  for (const abandon of ["timeout", "abort"] as const) {
    const late = new MockSocket();
    const arrival = Promise.withResolvers<Socket>();
    const { clock, connection } = setUp({
      handshakeTimeout: abandon === "timeout" ? 1_000 : 0,
      retry: false,
      dialer: () => arrival.promise,
    });
    const controller = new AbortController();
    const connecting = connection.connect({ signal: controller.signal });
    await clock.advance(1_000);
    controller.abort(new Error("enough"));
    await assertRejects(() => connecting);
    arrival.resolve(late);
    await clock.settle();
    assertEquals(late.ended, true, abandon);
    await connection.close();
  }
});

Deno.test("Headers that come too late start no dial", async () => {
  const arrival = Promise.withResolvers<HeadersInput>();
  const dialer = new MockDialer();
  const { clock, connection } = setUp({
    handshakeTimeout: 1_000,
    retry: false,
    headers: () => arrival.promise,
    dialer: dialer.dial,
  });
  const connecting = connection.connect();
  await clock.advance(1_000);
  await assertRejects(() => connecting, ConnectionError);
  arrival.resolve({ authorization: "late" });
  await clock.settle();
  assertEquals(dialer.attempts.length, 0);
});

Deno.test("Headers or a dialer that fail once cost one attempt, whatever they throw or return", async () => {
  const wrong: readonly (() => unknown)[] = [
    () => {
      throw new Error("thrown");
    },
    () => Promise.reject(new Error("rejected")),
    () => NaN,
    () => null,
    () => "text",
    () => Promise.resolve(() => {}),
    () => ({ "bad name": "x" }),
    () => new Map([["bad name", "x"]]),
    // Looked at by the dialer alone, since an iterator can be consumed only once.
    () => new Map([["bad name", "x"]]).entries(),
  ];
  for (const place of ["headers", "dialer"] as const) {
    for (const answer of wrong) {
      let calls = 0;
      const good = place === "headers"
        ? () => ({ a: "b" })
        : () => Promise.resolve(new MockSocket());
      const option: unknown = () => ++calls === 1 ? answer() : good();
      const mock: Dialer = (_, { headers }) => {
        if (headers !== undefined && "next" in headers) {
          throw new ConfigError("invalid-option", "headers", "wrong");
        }
        return Promise.resolve(new MockSocket());
      };
      const { clock, failures, connection } = setUp({
        dialer: mock,
        ...{ [place]: option },
      });
      const connecting = connection.connect();
      await clock.advance(10);
      await connecting;
      assertEquals([calls, failures.length], [2, 1], `${place}: ${answer}`);
      await connection.close();
    }
  }
});

Deno.test("Headers of a function that returns undefined are none", async () => {
  const dialer = new MockDialer();
  const headers: () => HeadersInput = Function("return undefined") as never;
  const { connection } = setUp({ headers, dialer: dialer.dial });
  await connection.connect();
  assertEquals(dialer.attempts[0]?.options.headers, undefined);
  await connection.close();
});

/** A gate that lets one dial through at a time, and notes how they ended. */
class OneAtATime implements DialGate {
  readonly outcomes: boolean[] = [];
  readonly #free: (() => void)[] = [];
  #taken = false;

  async enter(): Promise<(connected: boolean) => void> {
    if (this.#taken) {
      await new Promise<void>((resolve) => this.#free.push(resolve));
    }
    this.#taken = true;
    return (connected) => {
      this.outcomes.push(connected);
      this.#taken = false;
      this.#free.shift()?.();
    };
  }
}

Deno.test("A gate is left whatever happens to the dial, and waiting for it does not count", async () => {
  const gate = new OneAtATime();
  const clock = new FakeClock();
  const make = (dialer: Dialer) =>
    new Connection(URL, {
      clock,
      dialer,
      dialGate: gate,
      handshakeTimeout: 1_000,
      retry: false,
      pingInterval: 0,
    });
  const hung = make(() => new Promise(() => {}));
  const failed = make(() => Promise.reject(new Error("refused")));
  const good = make(() => Promise.resolve(new MockSocket()));
  const [first, second, third] = [hung, failed, good].map((connection) =>
    connection.connect()
  );
  await clock.advance(999);
  assertEquals(gate.outcomes, []);
  await clock.advance(1);
  await assertRejects(() => first ?? Promise.resolve(), ConnectionError);
  await assertRejects(
    () => second ?? Promise.resolve(),
    ConnectionError,
    "refused",
  );
  await third;
  assertEquals(gate.outcomes, [false, false, true]);
  await good.close();
});

Deno.test("A dial that is cancelled frees its place at once", async () => {
  const gate = new OneAtATime();
  const { connection } = setUp({
    dialGate: gate,
    dialer: () => new Promise(() => {}),
  });
  const controller = new AbortController();
  const connecting = connection.connect({ signal: controller.signal });
  await Promise.resolve();
  controller.abort(new Error("enough"));
  await assertRejects(() => connecting, Error, "enough");
  assertEquals(gate.outcomes, [false]);
});

Deno.test("Headers are not asked for when the dial was cancelled at the gate", async () => {
  const controller = new AbortController();
  let asked = 0;
  const { connection } = setUp({
    dialGate: {
      enter: () => {
        controller.abort(new Error("enough"));
        return Promise.resolve(() => {});
      },
    },
    headers: () => ({ token: String(++asked) }),
  });
  const { signal } = controller;
  await assertRejects(() => connection.connect({ signal }), Error, "enough");
  assertEquals(asked, 0);
});

Deno.test("Attempts leave no listener on the signal that they share, nor a timer", async () => {
  const clock = new FakeClock();
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  const bounds = { clock, handshakeTimeout: 1_000, signal, onError() {} };
  const dialer = new MockDialer([new MockSocket()], {
    otherwise: new Error("refused"),
  });
  const options = { dialer: dialer.dial };
  await dialOnce(URL, options, bounds);
  await assertRejects(() => dialOnce(URL, options, bounds), Error, "refused");
  assertEquals([listeners(), clock.pending], [0, 0]);
});

Deno.test("A busy server is not dialled again before it asks to be, whatever the policy says", async () => {
  const busy = (status: number, after?: string) =>
    new HandshakeError("refused", "busy", {
      status,
      ...(after && { headers: new Headers({ "retry-after": after }) }),
    });
  for (const retry of [undefined, () => 0, { initialDelay: 1 }]) {
    const dialer = new MockDialer([busy(503, "60"), busy(429)]);
    const { clock, failures, connection } = setUp({
      dialer: dialer.dial,
      retry,
    });
    const connecting = connection.connect();
    const dialsAfter = async (ms: number) => {
      await clock.advance(ms);
      return dialer.attempts.length;
    };
    assertEquals(await dialsAfter(62_999), 1);
    assertEquals(await dialsAfter(1), 2);
    assertEquals(await dialsAfter(1_049), 2);
    assertEquals(await dialsAfter(1), 3);
    await connecting;
    assertEquals(failures.map(({ delay }) => delay), [63_000, 1_050]);
    await connection.close();
  }
});

Deno.test("A policy that gives up on a busy server gives up", async () => {
  const dialer = new MockDialer([
    new HandshakeError("refused", "busy", { status: 503 }),
  ]);
  const { connection } = setUp({ dialer: dialer.dial, retry: false });
  await assertRejects(() => connection.connect(), ConnectionError, "busy");
  assertEquals(dialer.attempts.length, 1);
});
