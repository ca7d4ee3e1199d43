import { once } from "node:events";
import { connect } from "node:net";
import { assertEquals } from "@std/assert";
import { handshakeFailure, openFailure } from "./open_failure.ts";

/** What Node.js and Bun report for an alert of the peer, and for plain text. */
const OPENSSL =
  "C0ACC496ED7F0000:error:0A000410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure:../deps/openssl/openssl/ssl/record/rec_layer_s3.c:1605:SSL alert number 40\n";
const NODE_22 =
  "C08C8FB35B7F0000:error:0A000410:SSL routines:ssl3_read_bytes:ssl/tls alert handshake failure:../deps/openssl/openssl/ssl/record/rec_layer_s3.c:918:SSL alert number 40\n";
const BORINGSSL =
  "error:10000410:SSL routines:OPENSSL_internal:SSLV3_ALERT_HANDSHAKE_FAILURE";

Deno.test("A failure of TLS is one line without the places in the source of the TLS library", () => {
  for (const describe of [openFailure, handshakeFailure]) {
    assertEquals(
      describe(new Error(OPENSSL)),
      "sslv3 alert handshake failure.",
    );
    assertEquals(
      describe(new Error(NODE_22)),
      "ssl/tls alert handshake failure.",
    );
    assertEquals(
      describe(new Error(BORINGSSL)),
      "sslv3 alert handshake failure.",
    );
    assertEquals(describe(new Error("socket hang up")), "socket hang up.");
  }
});

Deno.test("A peer that speaks plain text to a TLS port, or does not trust the certificate, is described in words", () => {
  for (
    const message of [
      "C0:error:0A00009C:SSL routines:tls_validate_record_header:http request:../deps/tlsany_meth.c:68:\n",
      "error:1000009c:SSL routines:OPENSSL_internal:HTTP_REQUEST",
      "received corrupt message of type InvalidContentType (SSL routines:ssl3_get_record:wrong version number)",
      "error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER",
    ]
  ) {
    assertEquals(
      handshakeFailure(new Error(message)),
      "the peer does not speak TLS.",
    );
  }
  for (
    const message of [
      "received fatal alert: UnknownCA",
      "C0:error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:../deps/rec_layer_s3.c:1605:SSL alert number 48\n",
      "error:10000418:SSL routines:OPENSSL_internal:TLSV1_ALERT_UNKNOWN_CA",
    ]
  ) {
    assertEquals(
      handshakeFailure(new Error(message)),
      "the peer does not trust the certificate.",
    );
  }
});

Deno.test("A server that refuses the certificate of the client, or wants one, is described in words", () => {
  for (
    const message of [
      "received fatal alert: CertificateRequired",
      "C0:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../deps/rec_layer_s3.c:918:SSL alert number 116\n",
      "error:1000045c:SSL routines:OPENSSL_internal:TLSV1_ALERT_CERTIFICATE_REQUIRED",
    ]
  ) {
    assertEquals(
      openFailure(new Error(message)),
      "the server requires a client certificate. Give one in cert and key.",
    );
  }
  assertEquals(
    openFailure(new Error("received fatal alert: UnknownCA")),
    "the server does not trust the client certificate.",
  );
});

const NOT_ALLOWED =
  "the program may not look up the host name (EPERM). On Deno, it needs the permission --allow-net for this host and port.";

Deno.test("A host whose name may not be looked up is described with the permission", () => {
  const lookup = Object.assign(new Error("getaddrinfo EPERM a.example"), {
    code: "EPERM",
    syscall: "getaddrinfo",
  });
  assertEquals(openFailure(lookup), NOT_ALLOWED);
});

Deno.test("Deno's error for a host name that the tests may not look up is recognized", async () => {
  const socket = connect(1, "not-allowed.invalid");
  const [error] = await once(socket, "error");
  assertEquals(openFailure(error), NOT_ALLOWED);
});
