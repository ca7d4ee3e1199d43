import { assertEquals, assertThrows } from "@std/assert";
import {
  decodeCloseBody,
  encodeCloseBody,
  isSendableCloseCode,
  isValidCloseCode,
} from "./close.ts";
import { ProtocolError } from "./errors.ts";
import { hex, join, utf8 } from "../../_support/bytes.ts";

Deno.test("isValidCloseCode: exactly what may be on the wire", () => {
  const valid: number[] = [];
  for (let code = -1; code < 70_000; code++) {
    if (isValidCloseCode(code)) valid.push(code);
  }
  assertEquals(valid.filter((code) => code < 3000), [
    ...[1000, 1001, 1002, 1003],
    ...[1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014],
  ]);
  assertEquals(valid.filter((code) => code >= 3000).length, 2000);
  assertEquals(valid.at(-1), 4999);
  for (const code of [1000.5, NaN, Infinity]) {
    assertEquals(isValidCloseCode(code), false);
  }
});

Deno.test("isSendableCloseCode: 1010 is the client's alone", () => {
  assertEquals(isSendableCloseCode(1010, "client"), true);
  assertEquals(isSendableCloseCode(1010, "server"), false);
  assertEquals(isSendableCloseCode(1000, "server"), true);
  assertEquals(isSendableCloseCode(1005, "client"), false);
});

Deno.test("encodeCloseBody: the code in network order, then the reason", () => {
  assertEquals(encodeCloseBody(1000, "bye"), hex("03 e8 62 79 65"));
  assertEquals(encodeCloseBody(4999), hex("13 87"));
  assertEquals(encodeCloseBody(), hex(""));
  assertEquals(encodeCloseBody(1005, "lost"), hex(""));
});

Deno.test("encodeCloseBody: a reason too long is cut between characters", () => {
  assertEquals(
    encodeCloseBody(1000, "r".repeat(200)),
    join(hex("03 e8"), utf8("r".repeat(123))),
  );
  assertEquals(
    encodeCloseBody(1000, "€".repeat(100) + "x"),
    join(hex("03 e8"), utf8("€".repeat(41))),
  );
  assertEquals(
    encodeCloseBody(1000, "ab" + "😀".repeat(100)),
    join(hex("03 e8"), utf8("ab" + "😀".repeat(30))),
  );
});

Deno.test("decodeCloseBody: code and reason, and 1005 for none", () => {
  assertEquals(decodeCloseBody(hex("")), { code: 1005, reason: "" });
  assertEquals(decodeCloseBody(hex("03 e9")), { code: 1001, reason: "" });
  assertEquals(decodeCloseBody(hex("0f a0 ef bb bf c3 a9")), {
    code: 4000,
    reason: "\ufeffé",
  });
});

Deno.test("decodeCloseBody: says what is wrong and where", () => {
  for (
    const [digits, code, closeCode, offset] of [
      ["03", "invalid-close-payload", 1002, 100],
      ["03 ee", "invalid-close-code", 1002, 100],
      ["03 e8 61 ff", "invalid-utf8", 1007, 103],
      ["03 e8 61 c3", "invalid-utf8", 1007, 104],
    ] as const
  ) {
    const error = assertThrows(
      () => decodeCloseBody(hex(digits), 100),
      ProtocolError,
    );
    assertEquals(
      [error.code, error.closeCode, error.offset],
      [code, closeCode, offset],
    );
  }
});
