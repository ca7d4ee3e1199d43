import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { NONSENSE } from "./_support/nonsense.ts";
import { HandshakeError } from "./errors.ts";
import {
  checkOrigin,
  chooseProtocol,
  type OriginChoice,
  type ProtocolChoice,
} from "./policy.ts";

/** Lets a rejection that nobody handles end the process. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

for (
  const [what, choice] of Object.entries<() => unknown>({
    ...NONSENSE,
    "returns nothing": () => {},
    "returns text": () => "true",
    "returns false": () => false,
  })
) {
  Deno.test(`origins: a function that ${what} refuses every origin`, async () => {
    for (const origin of ["https://app.example", undefined]) {
      const error = assertThrows(
        () => checkOrigin(origin, choice as OriginChoice),
        HandshakeError,
      );
      assertEquals([error.code, error.status], ["origin-refused", 403]);
      if (what !== "returns false") assertInstanceOf(error.cause, Error);
    }
    await settle();
  });
}

for (
  const [what, choice] of Object.entries<() => unknown>({
    ...NONSENSE,
    "returns what was not offered": () => "x",
    "returns true": () => true,
  })
) {
  Deno.test(`protocols: a function that ${what} refuses the request`, async () => {
    for (const offered of [["a", "b"], []]) {
      const error = assertThrows(
        () => chooseProtocol(offered, choice as ProtocolChoice),
        HandshakeError,
      );
      assertEquals([error.code, error.status], ["bad-protocol", 500]);
    }
    await settle();
  });
}

Deno.test("protocols: a function may choose none", () => {
  for (const nothing of [undefined, null, ""]) {
    const choice = (() => nothing) as ProtocolChoice;
    assertEquals(chooseProtocol(["a"], choice), "");
  }
});

const OFFERED = ["chat", "superchat", "v2.chat"];

for (
  const [choice, chosen] of [
    [undefined, ""],
    [[], ""],
    [["x"], ""],
    [["Chat"], ""],
    [["chat"], "chat"],
    [["x", "superchat", "chat"], "superchat"],
    [["v2.chat"], "v2.chat"],
    [(offered: readonly string[]) => offered[2], "v2.chat"],
    [(offered: readonly string[]) => offered[3], ""],
  ] as const
) {
  Deno.test(`protocols: ${choice} choose "${chosen}"`, () => {
    assertEquals(chooseProtocol(OFFERED, choice), chosen);
  });
}

Deno.test("protocols: a list chooses nothing if nothing was offered", () => {
  assertEquals(chooseProtocol([], ["chat"]), "");
});

/** Whether an origin is accepted. */
function accepts(origin: string | undefined, choice: OriginChoice): boolean {
  try {
    checkOrigin(origin, choice);
    return true;
  } catch (error) {
    assertInstanceOf(error, HandshakeError);
    assertEquals([error.code, error.status], ["origin-refused", 403]);
    return false;
  }
}

Deno.test("origins: a list accepts its own, and a request that has none", () => {
  const list = ["https://other.example", "https://app.example"];
  for (const origin of [...list, undefined]) {
    assertEquals(accepts(origin, list), true);
  }
  for (
    const origin of [
      "https://evil.example",
      "http://app.example",
      "https://app.example.evil.example",
      "https://app.example:8443",
      "https://app.example, https://evil.example",
      "null",
      "",
    ]
  ) assertEquals(accepts(origin, list), false, origin);
  assertEquals(accepts("https://app.example", []), false);
});

Deno.test("origins: a function is asked about every origin", () => {
  const seen: unknown[] = [];
  const choice = (origin: string | undefined) => {
    seen.push(origin);
    return origin !== undefined;
  };
  assertEquals(accepts("https://app.example", choice), true);
  assertEquals(accepts(undefined, choice), false);
  assertEquals(seen, ["https://app.example", undefined]);
});
