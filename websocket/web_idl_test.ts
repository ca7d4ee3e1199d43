import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import { shapeInterface } from "./web_idl.ts";
import { WebSocket } from "./websocket.ts";

const CONSTANTS = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 };

class Target extends EventTarget {
  get attribute(): number {
    return 1;
  }

  static {
    shapeInterface(Target, { name: "Target", constants: {}, events: ["tick"] });
  }

  declare ontick: unknown;
}

Deno.test("The constants are on the class and on its prototype, and cannot be changed", () => {
  for (const [name, value] of Object.entries(CONSTANTS)) {
    for (const target of [WebSocket, WebSocket.prototype]) {
      assertEquals(Object.getOwnPropertyDescriptor(target, name), {
        value,
        writable: false,
        enumerable: true,
        configurable: false,
      });
      assertEquals(Reflect.set(target, name, 7), false);
      assertEquals(Reflect.deleteProperty(target, name), false);
    }
  }
});

Deno.test("The interface has the shape of the runtime's own", () => {
  const shapeOf = (prototype: object) =>
    Object.entries(Object.getOwnPropertyDescriptors(prototype))
      .filter(([name]) => name !== "constructor" && !(name in CONSTANTS))
      .map(([name, { get, set, value, enumerable, configurable }]) =>
        [name, !!get, !!set, typeof value, enumerable, configurable].join(" ")
      ).sort();
  assertEquals(
    shapeOf(WebSocket.prototype),
    shapeOf(globalThis.WebSocket.prototype),
  );
  assertEquals(WebSocket.length, 1);
  assertEquals(WebSocket.name, "WebSocket");
  assertEquals(String(WebSocket.prototype), "[object WebSocket]");
  assertEquals(Object.getPrototypeOf(WebSocket), EventTarget);
  assertThrows(
    () => Reflect.apply(WebSocket, undefined, ["ws://host"]),
    TypeError,
  );
});

Deno.test("The class may stand where the type of the runtime's own is wanted", () => {
  const Implementation: typeof globalThis.WebSocket = WebSocket;
  assertInstanceOf(Implementation.prototype, EventTarget);
});

Deno.test("A handler attribute is null until it is set, and for everything that is not callable", () => {
  const target = new Target();
  assertEquals(target.ontick, null);
  for (const value of [2, "text", undefined, true, null]) {
    const handler = () => {};
    target.ontick = handler;
    assertEquals(target.ontick, handler);
    target.ontick = value;
    assertEquals(target.ontick, null);
  }
});

Deno.test("A handler that is an object is kept, and not called", () => {
  const target = new Target();
  const handler = {
    handleEvent() {
      throw new Error("called");
    },
  };
  target.ontick = handler;
  assertEquals(target.ontick, handler);
  assert(target.dispatchEvent(new Event("tick")));
});

Deno.test("A handler keeps its place among the listeners until it is taken away", () => {
  const target = new Target();
  const log: string[] = [];
  const say = (text: string) => () => log.push(text);
  target.ontick = say("handler 1");
  target.addEventListener("tick", say("listener"));
  target.ontick = say("handler 2");
  target.dispatchEvent(new Event("tick"));
  assertEquals(log.splice(0), ["handler 2", "listener"]);
  target.ontick = null;
  target.dispatchEvent(new Event("tick"));
  assertEquals(log.splice(0), ["listener"]);
  target.ontick = say("handler 3");
  target.dispatchEvent(new Event("tick"));
  assertEquals(log.splice(0), ["listener", "handler 3"]);
});

Deno.test("A handler is called with the target as this, and with the event", () => {
  const target = new Target();
  const calls: unknown[][] = [];
  target.ontick = function (this: unknown, ...args: unknown[]) {
    calls.push([this, ...args]);
  };
  const event = new Event("tick");
  target.dispatchEvent(event);
  new Target().dispatchEvent(new Event("tick"));
  assertEquals(calls.length, 1);
  assert(calls[0]?.[0] === target && calls[0]?.[1] === event);
  assertEquals(calls[0]?.length, 2);
});
