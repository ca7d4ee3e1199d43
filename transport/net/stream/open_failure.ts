import { ConnectionError, reasonOf, toError } from "../../base/errors.ts";

/** What the codes of the system and of TLS mean to a user. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "the permission was denied",
  EADDRINUSE: "the address is in use",
  EADDRNOTAVAIL: "the address is not one of this machine",
  EAI_AGAIN: "the host name cannot be resolved at present",
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was reset",
  EHOSTUNREACH: "the host cannot be reached",
  EMFILE: "the process has no file descriptors left",
  ENETUNREACH: "the network cannot be reached",
  ENFILE: "the system has no file descriptors left",
  ENOENT: "there is no such file",
  ENOTFOUND: "the host name was not found",
  EPIPE: "the connection was closed",
  ETIMEDOUT: "the host did not answer",
  CERT_HAS_EXPIRED: "the certificate of the server has expired",
  CERT_NOT_YET_VALID: "the certificate of the server is not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the certificate of the server is for another host",
};
/** The codes for a certificate of an authority that is not known. */
const UNTRUSTED = [
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
];
/** TLS libraries call plain text a message of the wrong type or version. */
const NOT_TLS = /InvalidContentType|wrong[ _]version[ _]number/i;
/** Some of them recognise HTTP. */
const PLAIN_HTTP = /SSL routines:\w+:https?[ _](proxy[ _])?request/i;
const NOT_TRUSTED = /alert:? ?unknown[ _]?ca|alert[ _]unknown[ _]ca/i;
/** The alert of a server to a client that gave no certificate (RFC 8446, section 6.2). */
const CERTIFICATE_REQUIRED = /alert:?[ _]?certificate[ _]?required/i;
/** OpenSSL and BoringSSL put the reason between places in their source. */
const TLS_LIBRARY = /error:[0-9a-f]+:SSL routines:\w*:([\w /]+)/i;
const ENDED_IN_TLS = /before secure TLS connection/;

/**
 * Returns why a stream or a listener could not be opened, or why a stream broke in the handshake: in words, without the
 * host, and with the code of the system in brackets. Ends with a full stop.
 */
export function openFailure(thrown: unknown): string {
  const error = toError(thrown);
  const code = codeOf(error);
  if (NOT_TLS.test(error.message)) {
    return "the server does not seem to speak TLS on this port.";
  }
  if (CERTIFICATE_REQUIRED.test(error.message)) {
    return "the server requires a client certificate. Give one in cert and key.";
  }
  if (NOT_TRUSTED.test(error.message)) {
    return "the server does not trust the client certificate.";
  }
  if (ENDED_IN_TLS.test(error.message)) {
    return "the server closed the connection during the TLS handshake.";
  }
  if (isForbiddenLookup(error)) {
    return `the program may not look up the host name (${code}). On Deno, it needs the permission --allow-net for this host and port.`;
  }
  if (UNTRUSTED.includes(code)) {
    return `the certificate of the server is not signed by a trusted authority (${code}). Other authorities can be given in caCerts.`;
  }
  return Object.hasOwn(REASONS, code)
    ? `${REASONS[code]} (${code}).`
    : plainReason(error);
}

/** Whether the name of a host could not be resolved. */
export function isUnknownHost(thrown: unknown): boolean {
  return ["ENOTFOUND", "EAI_AGAIN"].includes(codeOf(toError(thrown)));
}

/** Whether the runtime does not permit to look up the name of a host. Deno reports that in these words only. */
export function isForbiddenLookup(error: Error): boolean {
  return codeOf(error) === "EPERM" &&
    Reflect.get(error, "syscall") === "getaddrinfo";
}

function codeOf(error: Error): string {
  const code: unknown = Reflect.get(error, "code");
  return typeof code === "string" ? code : "";
}

/** Returns why the TLS handshake with a peer that connects failed, in words. Ends with a full stop. */
export function handshakeFailure(error: Error): string {
  const { message } = error;
  if (NOT_TLS.test(message) || PLAIN_HTTP.test(message)) {
    return "the peer does not speak TLS.";
  }
  return NOT_TRUSTED.test(message)
    ? "the peer does not trust the certificate."
    : plainReason(error);
}

function plainReason(error: Error): string {
  const reason = TLS_LIBRARY.exec(error.message)?.[1];
  return reason === undefined
    ? reasonOf(error)
    : `${reason.replaceAll("_", " ").toLowerCase()}.`;
}

/** Returns the error for a host, or a proxy on the way to it, that could not be reached. */
export function unreachable(what: string, thrown: unknown): ConnectionError {
  return new ConnectionError(
    "dial-failed",
    `Cannot connect: ${what} cannot be reached: ${openFailure(thrown)}`,
    { cause: toError(thrown) },
  );
}
