import { assertEquals } from "@std/assert";
import type { Deflater } from "../wire/compression.ts";
import { frame, join, utf8 } from "../../_support/bytes.ts";
import { assertBytes, drain, make, ROLES } from "../_support/sender.ts";

/** Turns every byte over, so that one sees what went through it; keeps pieces of 1 byte back. */
class FakeDeflater implements Deflater {
  readonly threshold = 5;
  #kept = new Uint8Array(0);

  deflate(payload: Uint8Array, last: boolean): Uint8Array {
    const all = join(this.#kept, payload.map((byte) => byte ^ 0xff));
    const keep = payload.length === 1 && !last;
    this.#kept = keep ? all : new Uint8Array(0);
    return keep ? new Uint8Array(0) : all;
  }

  close(): void {}
}

function over(text: string): Uint8Array {
  return utf8(text).map((byte) => byte ^ 0xff);
}

for (const role of ROLES) {
  Deno.test(`sender: compresses what is long enough, as ${role}`, () => {
    const sender = make(role, { deflater: new FakeDeflater() });
    let done = 0;
    sender.message("1234");
    sender.message("12345");
    sender.message("éé");
    sender.message("ééé");
    sender.message(utf8("1234"));
    sender.message(utf8("12345"));
    sender.lend(utf8("x".repeat(70_000)), () => done++);
    assertEquals(done, 1);
    assertBytes(
      drain(sender),
      join(
        frame(role, 0x81, "1234"),
        frame(role, 0xc1, over("12345")),
        frame(role, 0x81, "éé"),
        frame(role, 0xc1, over("ééé")),
        frame(role, 0x82, "1234"),
        frame(role, 0xc2, over("12345")),
        frame(role, 0xc2, over("x".repeat(70_000))),
      ),
    );
  });

  Deno.test(`sender: fragments what was compressed, with RSV1 in the first frame alone, as ${role}`, () => {
    const sender = make(role, {
      deflater: new FakeDeflater(),
      fragmentSize: 6,
    });
    sender.message("1234567");
    sender.fragment("text", utf8("a"), true, false);
    sender.fragment("text", utf8("b"), false, false);
    sender.fragment("text", utf8("cd"), false, false);
    sender.fragment("text", utf8("e"), false, true);
    assertBytes(
      drain(sender),
      join(
        frame(role, 0x41, over("123456")),
        frame(role, 0x80, over("7")),
        frame(role, 0x41, over("abcd")),
        frame(role, 0x80, over("e")),
      ),
    );
  });
}
