import { assertEquals } from "@std/assert";
import { ConfigError, ConnectionError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { isRetryable } from "./retryable.ts";

function refused(status?: number): HandshakeError {
  return new HandshakeError("refused", "no", { status });
}

Deno.test("statuses after which a retry cannot succeed are final", () => {
  for (const status of [300, 301, 307, 400, 401, 403, 404, 407, 426, 451]) {
    assertEquals(isRetryable(refused(status)), false, `${status}`);
  }
  for (const status of [200, 204, 408, 425, 429, 500, 503, undefined]) {
    assertEquals(isRetryable(refused(status)), true, `${status}`);
  }
});

Deno.test("wrong options, certificates and missing permissions are final, other failures are not", () => {
  const named = Object.assign(new Error("x"), { name: "NotCapable" });
  const coded = Object.assign(new Error("x"), { code: "CERT_HAS_EXPIRED" });
  const lookup = { code: "EPERM", syscall: "getaddrinfo" };
  for (
    const error of [
      new ConfigError("invalid-url", "url", "x"),
      Object.assign(new Error("getaddrinfo EPERM a.example"), lookup),
      new Error("invalid peer certificate: UnknownIssuer"),
      named,
      coded,
    ]
  ) {
    assertEquals(isRetryable(error), false, `${error}`);
    const cause = new Error("outer", { cause: error });
    assertEquals(
      isRetryable(new ConnectionError("dial-failed", "x", { cause })),
      false,
    );
  }
  for (const error of [new Error("reset"), "text", undefined, null]) {
    assertEquals(isRetryable(error), true);
  }
});

Deno.test("a chain of causes that leads back to its start ends", () => {
  const error: Error = new Error("a");
  error.cause = new Error("b", { cause: error });
  assertEquals(isRetryable(error), true);
});
