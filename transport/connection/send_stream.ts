import type { NumberRule } from "../base/rules.ts";
import { ConfigError } from "../base/errors.ts";
import type { Message } from "../base/message.ts";
import type { Outgoing } from "./outgoing.ts";
import { handled, onAbort } from "../base/promise.ts";
import type { Socket } from "../socket/socket.ts";

/** Options of a connection's `sendStream`. */
export interface SendStreamOptions {
  /** The kind of message. @default "binary" */
  readonly type?: "text" | "binary" | undefined;
  /** Most payload bytes of a fragment. @default 65536 */
  readonly chunkSize?: number | undefined;
  /** Ends the stream: before its first fragment it is withdrawn, later the connection ends. */
  readonly signal?: AbortSignal | undefined;
}

/** Most payload bytes of a fragment, when nobody says otherwise, and at the most. */
export const STREAM_CHUNK: NumberRule = {
  default: 65_536,
  min: 1,
  max: 2 ** 30,
  unit: "bytes",
};

/** What a streamed message may be read from. */
export type MessageStream =
  | ReadableStream<Uint8Array | string>
  | AsyncIterable<Uint8Array | string>;

/**
 * Refuses what cannot be read piece by piece.
 *
 * @throws {ConfigError} `invalid-argument`.
 */
export function checkStream(stream: unknown): void {
  const source: object = Object(stream);
  if (Symbol.asyncIterator in source || Symbol.iterator in source) return;
  throw refuse(
    "a ReadableStream or iterable",
    stream === null ? "null" : typeof stream,
  );
}

interface Piece {
  readonly payload: Uint8Array;
  readonly last: boolean;
}

/** What {@link streamOut} needs to know of a streamed message. */
export interface StreamOutOptions {
  readonly type: "text" | "binary";
  /** Most payload bytes of a fragment. */
  readonly chunkSize: number;
  readonly signal?: AbortSignal | undefined;
  /** The stream broke off when its first fragment was out already: the message cannot be completed. */
  readonly onBroken: (cause: unknown) => void;
}

/**
 * Sends a stream as one message, each fragment as soon as there is room for it,
 * or gathers it first for a socket that cannot stream.
 */
export async function streamOut(
  socket: Socket,
  outgoing: Outgoing,
  stream: MessageStream,
  { type, chunkSize, signal, onBroken }: StreamOutOptions,
): Promise<void> {
  const finish = await outgoing.takeTurn(signal);
  const source = pieces(stream, type, chunkSize);
  const gathered: Uint8Array<ArrayBuffer>[] = [];
  let first = true;
  try {
    for (;;) {
      const { value: piece, done } = await abortable(source.next(), signal);
      if (done) break;
      if (socket.writeFragment === undefined) {
        gathered.push(piece.payload.slice());
        continue;
      }
      await outgoing.room(signal);
      socket.writeFragment({ type, first, ...piece });
      first = false;
      outgoing.wrote();
    }
    if (first) await outgoing.write(await join(gathered, type));
    else outgoing.sentMessages++;
  } catch (cause) {
    // Not awaited: a source that hangs must not hold the turn.
    handled(source.return());
    if (!first) onBroken(cause);
    throw cause;
  } finally {
    finish();
  }
}

async function join(
  parts: Uint8Array<ArrayBuffer>[],
  type: "text" | "binary",
): Promise<Message> {
  const whole = new Blob(parts);
  return type === "text"
    ? await whole.text()
    : new Uint8Array(await whole.arrayBuffer());
}

/** Waits for a promise, but no longer than until the signal aborts. */
function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const remove = onAbort(signal, () => reject(signal.reason));
    promise.then(resolve, reject).finally(remove);
  });
}

/**
 * Cuts a stream into pieces of at most `chunkSize` bytes, none of them empty but
 * that of an empty stream, with one piece of look-ahead, so that the last one is
 * known as the last.
 *
 * @throws {ConfigError} `invalid-argument` when a chunk is neither bytes nor a string, or when
 * a text's bytes are not UTF-8 (RFC 6455, section 8.1).
 */
async function* pieces(
  stream: MessageStream,
  type: "text" | "binary",
  chunkSize: number,
): AsyncGenerator<Piece, void> {
  const encode = encoder();
  const check = type === "text" ? utf8Check() : undefined;
  let held: Uint8Array | undefined;
  for await (const chunk of stream) {
    const bytes = encode(chunk);
    check?.(bytes, true);
    for (let at = 0; at < bytes.length; at += chunkSize) {
      if (held !== undefined) yield { payload: held, last: false };
      held = bytes.subarray(at, at + chunkSize);
    }
  }
  const rest = encode("", true);
  check?.(rest, false);
  if (rest.length > 0) {
    if (held !== undefined) yield { payload: held, last: false };
    held = rest;
  }
  yield { payload: held ?? new Uint8Array(0), last: true };
}

/** Turns chunks into bytes; a surrogate pair may be split over two strings. */
function encoder(): (chunk: unknown, end?: boolean) => Uint8Array {
  const utf8 = new TextEncoder();
  let half = "";
  return (chunk, end = false) => {
    if (chunk instanceof Uint8Array) {
      if (half === "") return chunk;
      const cut = utf8.encode(half);
      half = "";
      return new Uint8Array([...cut, ...chunk]);
    }
    if (typeof chunk !== "string") {
      throw refuse("made of strings and Uint8Arrays", typeof chunk);
    }
    const text = half + chunk;
    const last = text.charCodeAt(text.length - 1);
    const split = !end && last >= 0xd800 && last <= 0xdbff;
    half = split ? text.slice(-1) : "";
    return utf8.encode(split ? text.slice(0, -1) : text);
  };
}

function utf8Check(): (bytes: Uint8Array, more: boolean) => void {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return (bytes, stream) => {
    try {
      decoder.decode(bytes, { stream });
    } catch {
      throw refuse("UTF-8, being a text message", "other bytes");
    }
  };
}

function refuse(rule: string, got: string): ConfigError {
  return new ConfigError(
    "invalid-argument",
    "stream",
    `Cannot send as the stream must be ${rule}: current value is ${got}`,
  );
}
