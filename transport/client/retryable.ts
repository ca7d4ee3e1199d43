import { ConfigError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { isForbiddenLookup } from "../net/stream/open_failure.ts";

/** Client errors after which a retry may succeed: too slow, too early, too many. */
const TEMPORARY = [408, 425, 429];

/**
 * Whether another attempt may succeed after a failed dial.
 *
 * `false` if the URL or an option is wrong, if the runtime does not permit the dial, if the handshake was refused with
 * a 3xx or a 4xx other than 408, 425 and 429, and if the certificate of the server is wrong. The causes of the error
 * are looked at as well.
 */
export function isRetryable(error: unknown): boolean {
  const seen = new Set<unknown>();
  for (
    let cause = error;
    cause instanceof Error && !seen.has(cause);
    cause = cause.cause
  ) {
    seen.add(cause);
    if (cause instanceof ConfigError) return false;
    if (cause instanceof HandshakeError && cause.status !== undefined) {
      const { status } = cause;
      return status < 300 || status >= 500 || TEMPORARY.includes(status);
    }
    if (cause.name === "NotCapable" || isForbiddenLookup(cause)) return false;
    if (isCertificateError(cause)) return false;
  }
  return true;
}

/** Runtimes report a wrong certificate in the text of the error, or with a code of OpenSSL (`node:tls`). */
function isCertificateError(error: Error): boolean {
  const code: unknown = Reflect.get(error, "code");
  return /invalid peer certificate|certificate verify failed|UnknownIssuer|self.signed/i
    .test(error.message) ||
    typeof code === "string" &&
      /CERT|ALTNAME|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code);
}
