import { assertEquals, assertStrictEquals } from "@std/assert";
import { Latest } from "./latest.ts";

Deno.test("Equal objects are one, and others stay as they are", () => {
  const latest = new Latest<object>();
  const callback = () => {};
  const first = latest.share({ timeout: 1, callback });
  assertStrictEquals(latest.share({ timeout: 1, callback }), first);
  for (
    const other of [
      { timeout: 2, callback },
      { timeout: 1, callback: () => {} },
      { timeout: 1 },
      { timeout: 1, callback, more: undefined },
      { limit: 1, callback },
    ]
  ) {
    const copy = { ...other };
    assertStrictEquals(latest.share(other), other);
    assertEquals(other, copy);
    assertStrictEquals(latest.share(copy), other);
    latest.share(first);
  }
});
