import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ConnectionError } from "../transport/base/errors.ts";
import { next, recordEvents, turn } from "./_support/events.ts";
import { CLOSE, HandServer, TEXT } from "./_support/hand_server.ts";
import { type Server, testEveryServer } from "./_support/servers.ts";
import type { CloseEvent, ErrorEvent } from "./events.ts";
import { WebSocket } from "./websocket.ts";
import { countListeners } from "../transport/base/_support/signals.ts";

/** Opens a connection, closes it as asked, and returns the client's event. */
async function closeWith(
  server: Server,
  ...args: [code?: number, reason?: string]
): Promise<[number, string, boolean]> {
  const socket = new WebSocket(server.url, server.options);
  await next(socket, "open");
  const close = next(socket, "close");
  socket.close(...args);
  const { code, reason, wasClean } = await close;
  return [code, reason, wasClean];
}

testEveryServer(
  "close sends the code and the reason, and the event has those of the peer",
  async (server) => {
    const cases: readonly [number, string][] = [
      [1000, ""],
      [1000, "Clean Close"],
      [3000, ""],
      [3000, "Clean Close"],
      [4999, "Clean Close"],
      [1000, "r".repeat(123)],
    ];
    for (const [code, reason] of cases) {
      assertEquals(await closeWith(server, code, reason), [code, reason, true]);
      assertEquals(await server.closes.take(), { code, reason });
    }
  },
);

testEveryServer(
  "Without a code, none is sent: both sides see 1005",
  async (server) => {
    assertEquals(await closeWith(server), [1005, "", true]);
    assertEquals(await server.closes.take(), { code: 1005, reason: "" });
    assertEquals(await closeWith(server, undefined), [1005, "", true]);
    assertEquals(await server.closes.take(), { code: 1005, reason: "" });
  },
);

testEveryServer("A reason without a code is sent with 1000", async (server) => {
  assertEquals(await closeWith(server, undefined, "why"), [1000, "why", true]);
  assertEquals(await server.closes.take(), { code: 1000, reason: "why" });
});

testEveryServer(
  "A surrogate without its other half in a reason becomes the replacement character",
  async (server) => {
    assertEquals(await closeWith(server, 1000, "\ud807"), [
      1000,
      "\ufffd",
      true,
    ]);
  },
);

testEveryServer(
  "readyState is CLOSING after close, and CLOSED in the close event",
  async (server) => {
    const socket = new WebSocket(server.url, server.options);
    const events = recordEvents(socket);
    await next(socket, "open");
    const close = next(socket, "close");
    socket.close();
    assertEquals(socket.readyState, WebSocket.CLOSING);
    await close;
    assertEquals(socket.readyState, WebSocket.CLOSED);
    socket.close(1000);
    socket.close();
    await turn();
    assertEquals(socket.readyState, WebSocket.CLOSED);
    assertEquals(events, ["open 1", "close 3"]);
  },
);

testEveryServer(
  "A close of the server comes after its messages, with its code and reason",
  async (server) => {
    const socket = new WebSocket(server.url, server.options);
    const events = recordEvents(socket);
    await next(socket, "open");
    const close = next(socket, "close");
    socket.send("one");
    socket.send("two");
    socket.send("close 3001 that is all");
    const { code, reason, wasClean } = await close;
    assertEquals([code, reason, wasClean], [3001, "that is all", true]);
    assertEquals(events, ["open 1", "message 1", "message 1", "close 3"]);
  },
);

testEveryServer(
  "A code that says that something went wrong is no error if the server sent it",
  async (server) => {
    const socket = new WebSocket(server.url, server.options);
    const events = recordEvents(socket);
    await next(socket, "open");
    const close = next(socket, "close");
    socket.send("close 1011 sorry");
    const { code, reason, wasClean } = await close;
    assertEquals([code, reason, wasClean], [1011, "sorry", true]);
    assertEquals(events, ["open 1", "close 3"]);
  },
);

testEveryServer(
  "A server that leaves without a close frame gives an error, and 1006",
  async (server) => {
    const socket = new WebSocket(server.url, server.options);
    const events = recordEvents(socket);
    await next(socket, "open");
    const failed = next(socket, "error");
    const close = next(socket, "close");
    socket.send("cut");
    const { code, reason, wasClean } = await close;
    assertEquals([code, reason, wasClean], [1006, "", false]);
    assertInstanceOf((await failed).error, ConnectionError);
    assertEquals(events, ["open 1", "error 3", "close 3"]);
  },
);

testEveryServer(
  "Messages that come after close are dropped",
  async (server) => {
    const socket = new WebSocket(server.url, server.options);
    const events = recordEvents(socket);
    await next(socket, "open");
    const close = next(socket, "close");
    socket.send("echoed too late");
    socket.close(1000);
    await close;
    assertEquals(events, ["open 1", "close 3"]);
  },
);

testEveryServer(
  "A signal closes the connection, and keeps no listener",
  async (server) => {
    const abort = new AbortController();
    const { signal } = abort;
    const listeners = countListeners(signal);
    for (const end of ["close 1000", "cut"]) {
      const socket = new WebSocket(server.url, { ...server.options, signal });
      await next(socket, "open");
      const close = next(socket, "close");
      socket.send(end);
      await close;
      assertEquals(listeners(), 0);
    }
    const socket = new WebSocket(server.url, { ...server.options, signal });
    await next(socket, "open");
    const close = next(socket, "close");
    abort.abort();
    assertEquals(socket.readyState, WebSocket.CLOSING);
    const { code, wasClean } = await close;
    assertEquals([code, wasClean], [1000, true]);
  },
);

/** A socket that stays in the opening handshake until the server goes. */
async function connecting(
  run: (socket: WebSocket) => Promise<void>,
): Promise<void> {
  await using server = await HandServer.listen(() => undefined);
  await run(new WebSocket(server.url));
}

Deno.test("close refuses codes other than 1000 and 3000 to 4999 in every state", async () => {
  await connecting(async (socket) => {
    const given = [
      0,
      500,
      999,
      1001,
      1005,
      1006,
      1015,
      2999,
      5000,
      65_536 + 1000,
    ];
    const others = [NaN, "string", null, -1, {}];
    const close = next(socket, "close");
    for (const state of [WebSocket.CONNECTING, WebSocket.CLOSED]) {
      assertEquals(socket.readyState, state);
      for (const code of [...given, ...others]) {
        const error = assertThrows(
          () => Reflect.apply(socket.close, socket, [code]),
          DOMException,
        );
        assertEquals(error.name, "InvalidAccessError");
      }
      assertEquals(socket.readyState, state);
      socket.close();
      await close;
    }
  });
});

Deno.test("close takes a reason alone for a code, and refuses it", async () => {
  await connecting(async (socket) => {
    const error = assertThrows(
      () => Reflect.apply(socket.close, socket, ["only a reason"]),
      DOMException,
    );
    assertEquals(error.name, "InvalidAccessError");
    const close = next(socket, "close");
    socket.close();
    await close;
  });
});

Deno.test("close refuses reasons of more than 123 bytes of UTF-8", async () => {
  await connecting(async (socket) => {
    for (const reason of ["r".repeat(124), "ü".repeat(62)]) {
      const error = assertThrows(
        () => socket.close(1000, reason),
        DOMException,
      );
      assertEquals(error.name, "SyntaxError");
    }
    assertEquals(socket.readyState, WebSocket.CONNECTING);
    const close = next(socket, "close");
    socket.close();
    await close;
  });
});

Deno.test("close while connecting fails the connection, in a later task", async () => {
  await connecting(async (socket) => {
    const events = recordEvents(socket);
    const failed = next(socket, "error");
    const close = next(socket, "close");
    socket.close();
    assertEquals(socket.readyState, WebSocket.CLOSING);
    await Promise.resolve();
    assertEquals(events, []);
    const { code, wasClean } = await close;
    assertEquals([code, wasClean], [1006, false]);
    assertEquals(
      (await failed).message,
      "Cannot connect: the connection was closed before it was open.",
    );
    assertEquals(events, ["error 3", "close 3"]);
  });
});

Deno.test("A signal that has aborted fails the connection before it dials", async () => {
  let handshakes = 0;
  await using server = await HandServer.listen(() => {
    handshakes++;
    return undefined;
  });
  const socket = new WebSocket(server.url, { signal: AbortSignal.abort() });
  assertEquals(socket.readyState, WebSocket.CLOSING);
  const events = recordEvents(socket);
  assertEquals((await next(socket, "close")).code, 1006);
  assertEquals(events, ["error 3", "close 3"]);
  assertEquals(handshakes, 0);
});

Deno.test("close may be called in every listener, again and again", async () => {
  await using server = await HandServer.listen();
  const socket = new WebSocket(server.url);
  const events = recordEvents(socket);
  for (const type of ["open", "message", "close"] as const) {
    socket.addEventListener(type, () => {
      socket.close();
      socket.close(3000);
    });
  }
  const close = next(socket, "close");
  const peer = await server.accept();
  assertEquals((await peer.frames.take())?.first, CLOSE);
  peer.send(TEXT, "late");
  peer.close(1000);
  peer.stream.end();
  await close;
  await turn();
  assertEquals(events, ["open 1", "close 3"]);
  assertEquals(await peer.frames.take(), undefined);
});

/** Has a peer do something, and gives the end that the client sees, and its error. */
async function endOf(
  act: (
    peer: Awaited<ReturnType<HandServer["accept"]>>,
    socket: WebSocket,
  ) => Promise<void> | void,
  closes = false,
  closeTimeout?: number,
): Promise<{ close: CloseEvent; message: string | undefined }> {
  await using server = await HandServer.listen();
  const socket = new WebSocket(server.url, { closeTimeout });
  let message: string | undefined;
  socket.onerror = (event: ErrorEvent) => message = event.message;
  const close = next(socket, "close");
  const peer = await server.accept();
  if (closes) {
    await next(socket, "open");
    socket.close(1000);
  }
  await act(peer, socket);
  return { close: await close, message };
}

Deno.test("An empty close frame of the server reads 1005", async () => {
  const { close, message } = await endOf((peer) => {
    peer.send(CLOSE);
    peer.stream.end();
  });
  assertEquals([close.code, close.reason, close.wasClean], [1005, "", true]);
  assertEquals(message, undefined);
});

Deno.test("A server that breaks the protocol fails the connection, and gets a close frame that says why", async () => {
  let reported = 0;
  const { close, message = "" } = await endOf(async (peer) => {
    peer.send(0x83, "reserved opcode");
    const frame = await peer.frames.take();
    const [high = 0, low = 0] = frame?.payload ?? [];
    reported = high * 256 + low;
    peer.stream.end();
  });
  assertEquals(reported, 1002);
  assertEquals([close.code, close.wasClean], [1006, false]);
  assertStringIncludes(message, "opcode");
});

Deno.test("A server that breaks the protocol and completes the closing handshake gives an error too", async () => {
  const { close, message } = await endOf(async (peer) => {
    peer.send(0x83, "reserved opcode");
    const frame = await peer.frames.take();
    peer.send(CLOSE, frame?.payload ?? "");
    peer.stream.end();
  });
  assert(message !== undefined && message !== "");
  assert(close.code === 1002 || close.code === 1006, `${close.code}`);
});

Deno.test("readyState is CLOSING as soon as the server's close frame is answered", async () => {
  const states: unknown[] = [];
  const { close } = await endOf(async (peer, socket) => {
    peer.close(3000, "done");
    assertEquals((await peer.frames.take())?.first, CLOSE);
    await turn();
    socket.send("late");
    states.push(socket.readyState, socket.bufferedAmount);
    peer.stream.end();
  });
  assertEquals(states, [WebSocket.CLOSING, 4]);
  assertEquals([close.code, close.reason, close.wasClean], [
    3000,
    "done",
    true,
  ]);
});

Deno.test("A server that answers a close frame late is waited for", async () => {
  const events: string[] = [];
  const { close } = await endOf(async (peer) => {
    await peer.frames.take();
    await new Promise((resolve) => setTimeout(resolve, 30));
    events.push("answered");
    peer.close(1000);
    peer.stream.end();
  }, true);
  assertEquals([close.code, close.wasClean], [1000, true]);
  assertEquals(events, ["answered"]);
});

Deno.test("A server that does not answer a close frame is cut after closeTimeout", async () => {
  const { close, message } = await endOf(() => {}, true, 200);
  assertEquals([close.code, close.reason, close.wasClean], [1006, "", false]);
  assertEquals(message, undefined);
});

Deno.test("A server that answers a close frame with none is distinguished from one that was never asked", async () => {
  const { close, message } = await endOf(async (peer) => {
    await peer.frames.take();
    peer.cut();
  }, true);
  assertEquals([close.code, close.wasClean], [1006, false]);
  assertEquals(message, undefined);
});
