import {
  checkFields,
  checkOptions,
  type OptionNames,
} from "../base/options.ts";
import { checkAuthorities, checkKeyPair } from "../net/stream/certificates.ts";
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
  checkKeyPair("tls.", tls);
  checkAuthorities("tls.caCerts", tls.caCerts);
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
  checkKeyPair("", certificate);
}
