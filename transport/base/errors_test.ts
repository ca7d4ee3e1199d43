import { assertEquals } from "@std/assert";
import { reasonOf } from "./errors.ts";

Deno.test("The reason of an error is its message without the action, as a sentence that says what it is about", () => {
  for (
    const [message, reason] of [
      ["connect ECONNREFUSED", "connect ECONNREFUSED."],
      ["Cannot send: it is closed.", "it is closed."],
      ["Cannot connect to ws://a:9/b: refused.", "refused."],
      [
        "Cannot connect: the proxy p:1 failed: reset.",
        "the proxy p:1 failed: reset.",
      ],
      [
        "Cannot use option retry.maxRetries: it must be a number, and is -1.",
        "option retry.maxRetries must be a number, and is -1.",
      ],
      ["Cannot use option proxy: the proxy has it.", "the proxy has it."],
    ] as const
  ) assertEquals(reasonOf(new Error(message)), reason);
  assertEquals(reasonOf(Object.assign(new Error(), { code: "E" })), "E.");
  assertEquals(reasonOf("text"), "text.");
});
