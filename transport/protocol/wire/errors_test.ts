import { assertEquals } from "@std/assert";
import { HandshakeError } from "../../handshake/errors.ts";
import { ProtocolError } from "./errors.ts";

Deno.test("ProtocolError: knows its close code, and says where", () => {
  const error = new ProtocolError("invalid-utf8", "Cannot receive: bad text.", {
    offset: 7,
  });
  assertEquals(error.name, "ProtocolError");
  assertEquals(error.closeCode, 1007);
  assertEquals(error.offset, 7);
  assertEquals(
    error.message,
    "Cannot receive: bad text (at byte 7 of the stream).",
  );
  assertEquals("cause" in error, false);
});

Deno.test("ProtocolError: takes another close code, and a cause", () => {
  const cause = new Error("inner");
  const error = new ProtocolError("length-too-large", "too large", {
    closeCode: 1002,
    cause,
  });
  assertEquals(error.closeCode, 1002);
  assertEquals(error.message, "too large");
  assertEquals(error.cause, cause);
});

Deno.test("HandshakeError: carries status and headers", () => {
  const headers = new Headers({ "retry-after": "5" });
  const error = new HandshakeError("refused", "refused with 503", {
    status: 503,
    headers,
  });
  assertEquals(error.name, "HandshakeError");
  assertEquals(error.status, 503);
  assertEquals(error.headers?.get("retry-after"), "5");
  assertEquals(new HandshakeError("aborted", "aborted").status, undefined);
});
