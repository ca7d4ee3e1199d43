import { createPrivateKey, X509Certificate } from "node:crypto";
import {
  checkFields,
  checkOptions,
  type OptionNames,
  refuseOption,
} from "../base/options.ts";
import type { TlsServerOptions } from "../net/stream/stream_options.ts";

/** A certificate chain and its private key, PEM-encoded. */
export type Certificate = Pick<TlsServerOptions, "cert" | "key">;

const CERTIFICATE_NAMES: OptionNames<Certificate> = { cert: true, key: true };
const TLS_NAMES: OptionNames<TlsServerOptions> = {
  ...CERTIFICATE_NAMES,
  caCerts: true,
};

/**
 * Checks the option `tls` of a listener.
 *
 * @throws {ConfigError} `invalid-option`, `unknown-option`.
 */
export function checkTls(tls: TlsServerOptions | undefined): void {
  if (tls === undefined) return;
  checkFields("tls.", TLS_NAMES, tls);
  checkPair("tls.", tls);
  const { caCerts } = tls;
  if (caCerts === undefined) return;
  if (!Array.isArray(caCerts) || !caCerts.every(isCertificate)) {
    throw refuseOption("tls.caCerts", "an array of PEM texts", caCerts);
  }
}

/**
 * Checks a certificate and its key.
 *
 * @throws {ConfigError} `invalid-option`, `unknown-option`.
 */
export function checkCertificate(certificate: Certificate): void {
  // Unlike options it cannot be left out.
  checkOptions("certificate", certificate ?? null);
  checkFields("", CERTIFICATE_NAMES, certificate);
  checkPair("", certificate);
}

/** Runtimes report a bad certificate only in each TLS handshake, if at all. The key must not be shown. */
function checkPair(prefix: string, { cert, key }: Certificate): void {
  if (!isCertificate(cert)) {
    throw refuseOption(
      `${prefix}cert`,
      "a certificate chain as PEM text",
      typeof cert,
    );
  }
  if (typeof key !== "string" || !/-----BEGIN [A-Z ]*PRIVATE KEY/.test(key)) {
    throw refuseOption(`${prefix}key`, "a private key as PEM text", typeof key);
  }
  if (!matches(cert, key)) {
    throw refuseOption(
      `${prefix}key`,
      "the private key of the first certificate of cert",
      "that of another",
    );
  }
}

function isCertificate(text: unknown): text is string {
  if (typeof text !== "string") return false;
  try {
    new X509Certificate(text);
    return true;
  } catch {
    return false;
  }
}

/** A key of a kind that only the runtime's TLS can read counts as right. */
function matches(cert: string, key: string): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return true;
  }
}
