import type { Clock } from "../base/clock.ts";
import { reasonOf, toError } from "../base/errors.ts";
import { isBytes } from "../base/message.ts";
import type { OptionNames } from "../base/options.ts";
import { HandshakeError } from "../handshake/errors.ts";
import type { HeadersInput } from "../handshake/headers.ts";
import type { RequestHead } from "../handshake/head.ts";
import { createRefusal, createResponse } from "../handshake/refusal.ts";
import { checkRequestHead } from "../handshake/server.ts";
import type { PeerAddress } from "../net/stream/address.ts";
import { requestUrl } from "./accept.ts";
import { answerHeaders } from "./accept_options.ts";

/** The response to a request that does not ask for an upgrade. */
export interface PlainAnswer {
  /**
   * The HTTP status, from 200 to 599.
   *
   * @default {200}
   */
  readonly status?: number | undefined;
  /**
   * The headers, without those that frame the response.
   *
   * @default {none}
   */
  readonly headers?: HeadersInput | undefined;
  /**
   * A text, which is `text/plain` unless `headers` has a `Content-Type`, or bytes.
   *
   * @default {none}
   */
  readonly body?: string | Uint8Array | undefined;
}

/** What a {@link RequestHandler} may return. */
export type RequestAnswer = Response | PlainAnswer | undefined;

/** The second argument of a {@link RequestHandler}. */
export interface RequestInfo {
  /** The address of the peer. */
  readonly remoteAddr: PeerAddress | undefined;
}

/**
 * Answers a request that does not ask for an upgrade. The request has a method, a URL and headers. It has no body,
 * since the body is not read. The connection closes after the response.
 */
export type RequestHandler = (
  request: Request,
  info: RequestInfo,
) => RequestAnswer | Promise<RequestAnswer>;

/** The bytes of the response, and what went wrong in the handler. */
export interface WrittenAnswer {
  readonly bytes: Uint8Array;
  readonly error: Error | undefined;
}

/**
 * Asks the handler for the response to a request.
 *
 * @returns `undefined` if the handler leaves the response to the listener.
 * @throws {HandshakeError} If the request is malformed.
 */
export async function answerRequest(
  handler: RequestHandler,
  head: RequestHead,
  secure: boolean,
  remoteAddr: PeerAddress | undefined,
  clock: Clock,
): Promise<WrittenAnswer | undefined> {
  const request = toRequest(head, secure);
  const isHead = head.method === "HEAD";
  try {
    const answer: unknown = await handler(request, { remoteAddr });
    if (answer === undefined || answer === null) return undefined;
    const bytes = await writeAnswer(answer, isHead, clock.date());
    return { bytes, error: undefined };
  } catch (thrown) {
    const cause = toError(thrown);
    const error = new HandshakeError(
      "refused",
      `Cannot answer the request: onRequest failed: ${reasonOf(cause)}`,
      { status: 500, cause },
    );
    return { bytes: createRefusal(error, isHead, clock.date()), error };
  }
}

async function writeAnswer(
  answer: unknown,
  isHead: boolean,
  date: number,
): Promise<Uint8Array> {
  if (answer instanceof Response) {
    const { status, headers } = answer;
    const body = new Uint8Array(await answer.arrayBuffer());
    return createResponse(status, { headers, body, isHead, date });
  }
  if (!isPlainAnswer(answer)) {
    throw new TypeError(
      "it must return a Response, or an object with status, headers and body only.",
    );
  }
  const { status = 200, headers, body } = answer;
  return createResponse(status, {
    headers: answerHeaders(headers),
    body,
    isHead,
    date,
  });
}

const NAMES: OptionNames<PlainAnswer> = {
  status: true,
  headers: true,
  body: true,
};

function isPlainAnswer(answer: unknown): answer is PlainAnswer {
  if (typeof answer !== "object" || answer === null) return false;
  const { status, body }: { status?: unknown; body?: unknown } = answer;
  return Object.keys(answer).every((name) => Object.hasOwn(NAMES, name)) &&
    (status === undefined || typeof status === "number") &&
    (body === undefined || typeof body === "string" ||
      isBytes(body));
}

/** Health checks often speak HTTP/1.0, which has no `Host`. */
function toRequest(head: RequestHead, secure: boolean): Request {
  if (head.version !== "HTTP/1.0") checkRequestHead(head);
  try {
    return new Request(requestUrl({ head, secure }, "http"), {
      method: head.method,
      headers: head.headers.toHeaders(),
    });
  } catch (cause) {
    throw new HandshakeError(
      "bad-request",
      "Cannot answer the request: its method or its target is not supported.",
      { status: 400, cause },
    );
  }
}
