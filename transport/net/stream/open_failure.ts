import { ConnectionError, reasonOf, toError } from "../../base/errors.ts";

/** What the codes of the system and of TLS mean to a user. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "the permission was denied",
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
/** TLS libraries call an answer in plain text a message of the wrong type or version. */
const NOT_TLS = /InvalidContentType|wrong[ _]version[ _]number/i;
const ENDED_IN_TLS = /before secure TLS connection/;

/**
 * Returns why a stream could not be opened, or broke in the handshake: in words, without the host, and with the code
 * of the system in brackets. Ends with a full stop.
 */
export function openFailure(thrown: unknown): string {
  const error = toError(thrown);
  const found: unknown = Reflect.get(error, "code");
  const code = typeof found === "string" ? found : "";
  if (NOT_TLS.test(error.message)) {
    return "the server does not seem to speak TLS on this port.";
  }
  if (ENDED_IN_TLS.test(error.message)) {
    return "the server closed the connection during the TLS handshake.";
  }
  if (UNTRUSTED.includes(code)) {
    return `the certificate of the server is not signed by a trusted authority (${code}). Other authorities can be given in caCerts.`;
  }
  return Object.hasOwn(REASONS, code)
    ? `${REASONS[code]} (${code}).`
    : reasonOf(error);
}

/** Returns the error for a host, or a proxy on the way to it, that could not be reached. */
export function unreachable(what: string, thrown: unknown): ConnectionError {
  return new ConnectionError(
    "dial-failed",
    `Cannot connect: ${what} cannot be reached: ${openFailure(thrown)}`,
    { cause: toError(thrown) },
  );
}
