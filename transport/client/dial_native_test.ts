import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { dialNative } from "./dial_native.ts";
import {
  ConfigError,
  type ConfigErrorCode,
  ConnectionError,
} from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import {
  listenTcp,
  Recorder,
  TEXT,
  urlOf,
  WirePeer,
} from "../_support/native.ts";
import { isRetryable } from "./retryable.ts";
import type { DialOptions } from "./dialer.ts";
import { countListeners } from "../base/_support/signals.ts";

Deno.test("a dial gives a socket that is open", async () => {
  using listener = listenTcp();
  const dialled = dialNative(urlOf(listener).toUpperCase(), {});
  using peer = await WirePeer.accept(listener);
  const socket = await dialled;
  assertEquals(socket.url, urlOf(listener));
  assertEquals(socket.remoteAddr, undefined);
  socket.write("hello");
  const frame = await peer.next();
  assertEquals(frame?.opcode, TEXT);
  assert(frame?.masked);
  socket.terminate();
  await peer.next();
});

Deno.test("what the server sends right behind its answer is not lost", async () => {
  using listener = listenTcp();
  const dialled = dialNative(urlOf(listener), {});
  using peer = await WirePeer.accept(listener);
  await peer.send(TEXT, "early");
  const reader = new Recorder();
  (await dialled).start(reader);
  await reader.heard(1);
  assertEquals(reader.reports, ["early"]);
});

Deno.test("headers and subprotocols go out, and the chosen one comes back", async () => {
  using listener = listenTcp();
  const dialled = dialNative(urlOf(listener), {
    protocols: ["a", "b"],
    headers: { authorization: "Bearer 1" },
  });
  using peer = await WirePeer.accept(listener, "Sec-WebSocket-Protocol: b\r\n");
  assertEquals((await dialled).protocol, "b");
  assert(/\r\nauthorization: Bearer 1\r\n/i.test(peer.head));
  assert(/\r\nsec-websocket-protocol: a, b\r\n/i.test(peer.head));
});

Deno.test("one subprotocol may be given as a string", async () => {
  using listener = listenTcp();
  const dialled = dialNative(urlOf(listener), { protocols: "a" });
  using peer = await WirePeer.accept(listener, "Sec-WebSocket-Protocol: a\r\n");
  assertEquals((await dialled).protocol, "a");
  assert(/\r\nsec-websocket-protocol: a\r\n/i.test(peer.head));
});

for (
  const [header, code] of [
    ["Sec-WebSocket-Protocol: evil", "bad-protocol"],
    ["Sec-WebSocket-Extensions: permessage-deflate", "bad-extension"],
  ] as const
) {
  Deno.test(`an answer that nobody asked for fails the dial: ${header}`, async () => {
    using listener = listenTcp();
    const dialled = assertRejects(
      () => dialNative(urlOf(listener), { protocols: ["a"] }),
      HandshakeError,
    );
    using _peer = await WirePeer.accept(listener, `${header}\r\n`);
    assertEquals((await dialled).code, code);
  });
}

for (
  const [status, code, retryable] of [
    [200, "refused", true],
    [302, "redirected", false],
    [401, "refused", false],
    [403, "refused", false],
    [429, "refused", true],
    [503, "refused", true],
  ] as const
) {
  Deno.test(`a handshake that is answered with ${status} rejects with that number`, async () => {
    using listener = listenTcp();
    const dialled = assertRejects(
      () => dialNative(urlOf(listener), {}),
      HandshakeError,
    );
    using peer = await WirePeer.hear(listener);
    await peer.raw(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
    const error = await dialled;
    assertEquals(error.status, status);
    assertEquals(error.code, code);
    assertInstanceOf(error.cause, Error);
    assertEquals(isRetryable(error), retryable);
  });
}

for (
  const [rule, answer] of [
    ["is not HTTP", "SSH-2.0-OpenSSH\r\n\r\n"],
    ["is empty", ""],
    ["does not upgrade", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
  ] as const
) {
  Deno.test(`an answer that ${rule} rejects with what the runtime says of it`, async () => {
    using listener = listenTcp();
    const dialled = assertRejects(
      () => dialNative(urlOf(listener), {}),
      ConnectionError,
    );
    using peer = await WirePeer.hear(listener);
    await peer.raw(answer);
    peer[Symbol.dispose]();
    const error = await dialled;
    assertEquals(error.code, "dial-failed");
    assertInstanceOf(error.cause, Error);
    assert(isRetryable(error));
  });
}

Deno.test("a port where nobody listens rejects with the cause", async () => {
  const listener = listenTcp();
  const url = urlOf(listener);
  listener.close();
  const error = await assertRejects(() => dialNative(url, {}), ConnectionError);
  assertEquals(error.code, "dial-failed");
  assertInstanceOf(error.cause, Error);
});

Deno.test("a handshake that is never answered ends after its timeout, and leaves nothing", async () => {
  const clock = new FakeClock();
  using listener = listenTcp();
  const dialled = assertRejects(
    () => dialNative(urlOf(listener), { clock }),
    HandshakeError,
  );
  using peer = await WirePeer.hear(listener);
  clock.tick(9_999);
  assertEquals(clock.pending, 1);
  clock.tick(1);
  assertEquals((await dialled).code, "timeout");
  assertEquals(clock.pending, 0);
  assertEquals(await peer.next(), undefined);
});

Deno.test("a signal ends the dial with its reason", async () => {
  const clock = new FakeClock();
  const aborter = new AbortController();
  using listener = listenTcp();
  const dialled = dialNative(urlOf(listener), {
    clock,
    signal: aborter.signal,
  }).catch((error) => error);
  using peer = await WirePeer.hear(listener);
  const reason = new Error("changed my mind");
  aborter.abort(reason);
  assertStrictEquals(await dialled, reason);
  assertEquals(clock.pending, 0);
  assertEquals(await peer.next(), undefined);
});

Deno.test("a signal that has aborted before lets nothing begin", async () => {
  const reason = new Error("never mind");
  const signal = AbortSignal.abort(reason);
  const error = await dialNative("ws://127.0.0.1:9", { signal }).catch((e) =>
    e
  );
  assertStrictEquals(error, reason);
});

Deno.test("a signal that is used for many dials collects no listeners", async () => {
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  using listener = listenTcp();
  for (let i = 0; i < 3; i++) {
    const dialled = dialNative(urlOf(listener), { signal });
    assertEquals(listeners(), 1);
    using _peer = await WirePeer.accept(listener);
    await dialled;
    assertEquals(listeners(), 0);
  }
});

Deno.test("many dials that are cut short leave nothing behind", async () => {
  const clock = new FakeClock();
  using listener = listenTcp();
  const accepting = (async () => {
    for await (const conn of listener) conn.close();
  })();
  for (let i = 0; i < 200; i++) {
    const aborter = new AbortController();
    const { signal } = aborter;
    const dialled = dialNative(urlOf(listener), { clock, signal });
    if (i % 2) await new Promise((resolve) => setTimeout(resolve, 0));
    aborter.abort();
    await assertRejects(() => dialled);
  }
  assertEquals(clock.pending, 0);
  listener.close();
  await accepting;
});

for (
  const url of [
    "ftp://127.0.0.1:9",
    "ws://127.0.0.1:9/#part",
    "ws://127.0.0.1:9/\ud800",
    "ws://user:secret@127.0.0.1:9",
    "127.0.0.1:9",
  ]
) {
  Deno.test(`a URL that cannot be used for a WebSocket is refused: ${url}`, async () => {
    const error = await assertRejects(() => dialNative(url, {}), ConfigError);
    assertEquals(error.code, "invalid-url");
  });
}

const REFUSED: readonly (readonly [
  keyof DialOptions,
  unknown,
  ConfigErrorCode,
])[] = [
  ["compression", true, "unsupported"],
  ["compression", {}, "unsupported"],
  ["fragmentSize", 1024, "unsupported"],
  ["maxFrameSize", 1024, "unsupported"],
  ["maxFragments", 1, "unsupported"],
  ["caCerts", ["a certificate"], "unsupported"],
  ["cert", "a certificate", "unsupported"],
  ["key", "a key", "unsupported"],
  ["unix", "/a/path", "unsupported"],
  ["proxy", "http://127.0.0.1:9", "unsupported"],
  ["proxy", false, "unsupported"],
  ["handshakeTimeout", -1, "invalid-option"],
  ["maxMessageSize", 0.5, "invalid-option"],
  ["clock", {}, "invalid-option"],
  ["protocols", ["a", "a"], "invalid-option"],
  ["protocols", "a b", "invalid-option"],
  ["headers", { "a b": "c" }, "invalid-option"],
  ["headers", { a: "b\r\nc: d" }, "invalid-option"],
  ["headers", { a: "\u0001" }, "invalid-option"],
  ["headers", { a: 5 }, "invalid-option"],
  ["headers", { Upgrade: "a" }, "invalid-option"],
  ["headers", { Host: "a" }, "unsupported"],
];

for (const [field, value, code] of REFUSED) {
  Deno.test(`the option ${field} is refused where it is ${Deno.inspect(value)}`, async () => {
    const error = await assertRejects(
      () => dialNative("ws://127.0.0.1:9", { [field]: value }),
      ConfigError,
    );
    assertEquals(error.field, field);
    assertEquals(error.code, code);
    assert(!isRetryable(error));
  });
}

Deno.test("options that ask for nothing special are no obstacle", async () => {
  using listener = listenTcp();
  const dialled = dialNative(urlOf(listener), {
    compression: false,
    fragmentSize: 0,
    caCerts: [],
    proxy: undefined,
    binary: "borrow",
    maxFrameSize: 0,
    maxFragments: 0,
    pingInterval: 1,
  });
  using _peer = await WirePeer.accept(listener);
  await dialled;
});

Deno.test("headers on a runtime that cannot send them are refused, whether it throws or not", async () => {
  const native = globalThis.WebSocket;
  const closed: string[] = [];
  class Throwing {
    constructor() {
      throw new DOMException("Invalid protocol value", "SyntaxError");
    }
  }
  class Ignoring {
    close() {
      closed.push("closed");
    }
  }
  try {
    for (const stub of [Throwing, Ignoring]) {
      Reflect.set(globalThis, "WebSocket", stub);
      const error = await assertRejects(
        () => dialNative("ws://127.0.0.1:9", { headers: { a: "b" } }),
        ConfigError,
      );
      assertEquals(error.code, "unsupported");
      assertEquals(error.field, "headers");
    }
  } finally {
    globalThis.WebSocket = native;
  }
  assertEquals(closed, ["closed"]);
});

Deno.test("dialNative refuses what are no options", async () => {
  for (const wrong of [null, 5, "junk", { signal: 1 }]) {
    const error = await assertRejects(
      () => Reflect.apply(dialNative, undefined, ["ws://127.0.0.1:9", wrong]),
      ConfigError,
    );
    assertEquals(error.code, "invalid-option");
  }
});
