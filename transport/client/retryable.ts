import { ConfigError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";

/** Statuses of the 4xx kind that pass by themselves: too slow, too early, too many. */
const PASSING = [408, 425, 429];

/**
 * Whether another try may mend a failed dial.
 *
 * Not where the URL or an option is wrong, where the runtime does not permit it, where the handshake was refused with a 3xx
 * or a 4xx other than 408, 425 and 429, and where the server's certificate is wrong.
 */
export function isRetryable(error: unknown): boolean {
  for (
    let cause = error;
    cause instanceof Error;
    cause = cause.cause
  ) {
    if (cause instanceof ConfigError) return false;
    if (cause instanceof HandshakeError && cause.status !== undefined) {
      const { status } = cause;
      return status < 300 || status >= 500 || PASSING.includes(status);
    }
    if (cause.name === "NotCapable" || isCertificateError(cause)) return false;
  }
  return true;
}

/** Runtimes tell of a wrong certificate in words, or with OpenSSL's codes (node:tls). */
function isCertificateError(error: Error): boolean {
  const code: unknown = Reflect.get(error, "code");
  return /invalid peer certificate|certificate verify failed|UnknownIssuer|self.signed/i
    .test(error.message) ||
    typeof code === "string" &&
      /CERT|ALTNAME|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code);
}
