/**
 * What a {@link HandshakeError} says.
 *
 * - `refused`: the server answered with another status than 101; see `status`.
 * - `redirected`: the server answered with a redirect, which is not followed; see `headers`.
 * - `timeout`: the handshake took longer than `handshakeTimeout`.
 * - `aborted`: the handshake was cancelled.
 * - `connection-lost`: the stream ended or broke before the handshake was done.
 * - `head-too-large`: a request or response head larger than the limit.
 * - `bad-request`, `bad-response`: a head that is not HTTP/1.1 (RFC 9112).
 * - `bad-method`: a request with another method than GET.
 * - `bad-http-version`: another version of HTTP than 1.1.
 * - `bad-header`: a header name or value with bytes that are not allowed.
 * - `bad-host`, `bad-upgrade`, `bad-connection`, `bad-key`, `bad-version`, `bad-accept`:
 *   the header of that name is missing or wrong (RFC 6455, sections 4.1 and 4.2).
 * - `bad-protocol`: a subprotocol that was not offered, or none that both know.
 * - `bad-extension`: an extension, or a parameter of one, that was not offered or is not allowed.
 * - `origin-refused`: the request came from an origin that is not let in.
 * - `proxy-refused`: the proxy refused to connect; see `status`.
 */
export type HandshakeErrorCode =
  | "refused"
  | "redirected"
  | "timeout"
  | "aborted"
  | "connection-lost"
  | "head-too-large"
  | "bad-request"
  | "bad-response"
  | "bad-method"
  | "bad-http-version"
  | "bad-header"
  | "bad-host"
  | "bad-upgrade"
  | "bad-connection"
  | "bad-key"
  | "bad-version"
  | "bad-accept"
  | "bad-protocol"
  | "bad-extension"
  | "origin-refused"
  | "proxy-refused";

/** Details of a {@link HandshakeError}. */
export interface HandshakeErrorOptions extends ErrorOptions {
  /**
   * The HTTP status: on a client the one that came, on a server the one to answer with.
   *
   * @default {undefined}
   */
  readonly status?: number | undefined;
  /**
   * The headers of the response that came, or of the one to answer with.
   *
   * @default {undefined}
   */
  readonly headers?: Headers | undefined;
}

/** The opening handshake failed (RFC 6455, section 4). */
export class HandshakeError extends Error {
  /** The name of the class. */
  override readonly name = "HandshakeError";
  /** What went wrong. */
  readonly code: HandshakeErrorCode;
  /** The HTTP status that came (client) or is the right answer (server), where there is one. */
  readonly status: number | undefined;
  /** The headers of the response that came, or that belong to the answer. */
  readonly headers: Headers | undefined;

  /** Makes an error with a code, a message and its details. */
  constructor(
    code: HandshakeErrorCode,
    message: string,
    options: HandshakeErrorOptions = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.status = options.status;
    this.headers = options.headers;
  }
}
