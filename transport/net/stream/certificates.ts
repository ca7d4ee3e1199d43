import type { X509Certificate } from "node:crypto";
import { ConfigError } from "../../base/errors.ts";
import { builtin } from "../../base/runtime.ts";

const FIRST_CERTIFICATE =
  /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/;

/**
 * Checks a certificate chain and its private key. Runtimes report a bad one only in each TLS handshake, if at all.
 *
 * @param prefix What stands before the fields' names in a message, for example `tls.`.
 * @throws {ConfigError} `invalid-option`. The key is not shown.
 */
export function checkKeyPair(
  prefix: string,
  { cert, key }: { readonly cert?: unknown; readonly key?: unknown },
): void {
  if (!isCertificate(cert)) {
    throw refuse(
      `${prefix}cert`,
      "a certificate chain as PEM text",
      kindOf(cert),
    );
  }
  if (typeof key !== "string" || !/-----BEGIN [A-Z ]*PRIVATE KEY/.test(key)) {
    throw refuse(`${prefix}key`, "a private key as PEM text", kindOf(key));
  }
  // There is no option for a passphrase.
  if (key.includes("ENCRYPTED")) {
    throw refuse(
      `${prefix}key`,
      "a private key without a passphrase",
      "encrypted.",
    );
  }
  if (!matches(cert, key)) {
    throw refuse(
      `${prefix}key`,
      "the private key of the first certificate of cert",
      "that of another.",
    );
  }
}

/**
 * Checks the certificates of authorities, if there are any.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function checkAuthorities(field: string, caCerts: unknown): void {
  if (caCerts === undefined) return;
  const rule = "an array of certificates as PEM texts";
  if (!Array.isArray(caCerts)) throw refuse(field, rule, listKindOf(caCerts));
  for (const text of caCerts) {
    if (isCertificate(text)) continue;
    throw refuse(field, rule, `an array with ${kindOf(text)}`);
  }
}

/** Returns the error. It shows neither a key nor a certificate. */
function refuse(field: string, rule: string, found: string): ConfigError {
  return new ConfigError(
    "invalid-option",
    field,
    `Cannot use option ${field}: it must be ${rule}, and is ${found}`,
  );
}

/** Says what was given instead of a PEM text, and how to fix common mistakes. Ends with a full stop. */
function kindOf(value: unknown): string {
  if (typeof value === "string") {
    return value === ""
      ? '"".'
      : "another text. Give the content of the file, not its path.";
  }
  // Node.js reads files as a Buffer, unless an encoding is given.
  if (ArrayBuffer.isView(value)) return "a Uint8Array. Decode it as text.";
  if (value instanceof ArrayBuffer) return "an ArrayBuffer. Decode it as text.";
  if (typeof value === "object" && value !== null) return "an object.";
  return typeof value === "function" ? "a function." : `${String(value)}.`;
}

/** Says what was given instead of an array. */
function listKindOf(value: unknown): string {
  return typeof value === "string" ? "a text." : kindOf(value);
}

/**
 * Reads the first certificate of a PEM text. The text may have a private key before it, where Deno finds no
 * certificate.
 *
 * @throws If there is none.
 */
function readCertificate(text: string): X509Certificate {
  const { X509Certificate } = builtin("node:crypto");
  return new X509Certificate(FIRST_CERTIFICATE.exec(text)?.[0] ?? text);
}

function isCertificate(text: unknown): text is string {
  if (typeof text !== "string") return false;
  try {
    readCertificate(text);
    return true;
  } catch {
    return false;
  }
}

/** Whether the key belongs to the certificate. A key that only the runtime's TLS can read counts as one that does. */
function matches(cert: string, key: string): boolean {
  const { createPrivateKey } = builtin("node:crypto");
  try {
    return readCertificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return true;
  }
}
