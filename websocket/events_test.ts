import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { CloseEvent, ErrorEvent } from "./events.ts";

/** The classes as they are where the runtime has none. */
async function ownEvents(): Promise<
  { CloseEvent: typeof CloseEvent; ErrorEvent: typeof ErrorEvent }
> {
  const { CloseEvent, ErrorEvent } = globalThis;
  Object.assign(globalThis, { CloseEvent: undefined, ErrorEvent: undefined });
  try {
    const fresh = "./events.ts?own";
    return await import(fresh);
  } finally {
    Object.assign(globalThis, { CloseEvent, ErrorEvent });
  }
}

const own = await ownEvents();

Deno.test("The events are the runtime's, where it has them", () => {
  assert(CloseEvent === globalThis.CloseEvent);
  assert(ErrorEvent === globalThis.ErrorEvent);
  assert(own.CloseEvent !== globalThis.CloseEvent);
  assert(own.ErrorEvent !== globalThis.ErrorEvent);
});

for (
  const [whose, classes] of Object.entries({
    "our own": own,
    "the runtime's": globalThis,
  })
) {
  Deno.test(`A close event says how a connection ended (${whose})`, () => {
    const event = new classes.CloseEvent("close", {
      code: 3001,
      reason: "why",
      wasClean: true,
      cancelable: true,
    });
    assertInstanceOf(event, Event);
    assertEquals(
      [event.type, event.code, event.reason, event.wasClean, event.cancelable],
      ["close", 3001, "why", true, true],
    );
    const plain = new classes.CloseEvent("close");
    assertEquals([plain.code, plain.reason, plain.wasClean], [0, "", false]);
  });

  Deno.test(`An error event has the error and its message (${whose})`, () => {
    const error = new Error("why");
    const event = new classes.ErrorEvent("error", { message: "why", error });
    assertInstanceOf(event, Event);
    assertEquals([event.type, event.message, event.error], [
      "error",
      "why",
      error,
    ]);
    assertEquals(new classes.ErrorEvent("error").message, "");
  });
}
