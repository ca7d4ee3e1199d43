/**
 * The codes of a {@link HandshakeError}.
 *
 * - `refused`: the server answered with another status than 101; see `status`, `headers` and `body`.
 * - `redirected`: the server answered with a redirect, which is not followed; see `headers`.
 * - `timeout`: the handshake took longer than `handshakeTimeout`.
 * - `aborted`: the handshake was cancelled, or too many others were in progress.
 * - `connection-lost`: the stream ended or broke before the handshake was complete.
 * - `head-too-large`: a request or response head exceeds the limit.
 * - `bad-request`, `bad-response`: a head is not HTTP/1.1 (RFC 9112), or a response does not answer the request.
 * - `bad-method`: the request has another method than GET.
 * - `bad-http-version`: the version of HTTP is not 1.1.
 * - `bad-header`: a header name or value has bytes that are not allowed, or a header that the handshake itself sets.
 * - `bad-host`, `bad-upgrade`, `bad-connection`, `bad-key`, `bad-version`, `bad-accept`:
 *   the header of that name is missing or wrong (RFC 6455, sections 4.1 and 4.2).
 * - `bad-protocol`: a subprotocol that was not offered, or that is not a token.
 * - `bad-extension`: an extension, or a parameter of one, that was not offered or is not allowed.
 * - `origin-refused`: the request came from an origin that is not allowed.
 * - `proxy-refused`: the proxy refused to connect; see `status`, `headers` and `body`.
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
   * The HTTP status: the one that a client received, or the one that a server has to send.
   *
   * @default {none}
   */
  readonly status?: number | undefined;
  /**
   * The headers of the response that a client received, or of the one that a server has to send.
   *
   * @default {none}
   */
  readonly headers?: Headers | undefined;
  /**
   * The start of the body of the response that a client received.
   *
   * @default {none}
   */
  readonly body?: string | undefined;
}

/** The opening handshake failed (RFC 6455, section 4). */
export class HandshakeError extends Error {
  /** The name of the class. */
  override readonly name = "HandshakeError";
  /** What went wrong. */
  readonly code: HandshakeErrorCode;
  /**
   * The HTTP status: on a client the one of the response, on a server the right one to send. `undefined` if
   * there is none.
   */
  readonly status: number | undefined;
  /** The headers: on a client those of the response, for example `Retry-After`, on a server those to send. */
  readonly headers: Headers | undefined;
  /**
   * The body of the response, decoded as UTF-8: at most its first 4 KiB, and only what arrived within a second after
   * its head. `undefined` if there was no response, if the body is compressed, and on native sockets.
   */
  readonly body: string | undefined;

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
    this.body = options.body;
  }
}
