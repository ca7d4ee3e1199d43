import { ConnectionError } from "../../base/errors.ts";
import {
  isBytes,
  isLost,
  type Message,
  plainBytes,
} from "../../base/message.ts";
import { handled, onAbort, rejected } from "../../base/promise.ts";
import {
  checkWord,
  numberOption,
  type OptionNames,
  signalOf,
} from "../../base/options.ts";
import type { NumberRule } from "../../base/rules.ts";
import type { Socket } from "../../socket/socket.ts";
import {
  type MessageStream,
  openSource,
  refuseChunk,
  refuseStream,
} from "./chunk_source.ts";
import { Fragments, memoryChanged } from "./fragments.ts";
import type { Outgoing } from "./outgoing.ts";

/** Options of a connection's `sendStream`. */
export interface SendStreamOptions {
  /**
   * The kind of message.
   *
   * @default {"binary"}
   */
  readonly type?: "text" | "binary" | undefined;
  /**
   * The size of a fragment in bytes. The last fragment may be smaller.
   *
   * @default {65536}
   */
  readonly chunkSize?: number | undefined;
  /**
   * Ends the stream when it aborts. Before the first fragment, the message is not sent; after it, the connection ends.
   *
   * @default {none}
   */
  readonly signal?: AbortSignal | undefined;
}

const NAMES: OptionNames<SendStreamOptions> = {
  type: true,
  chunkSize: true,
  signal: true,
};

/** The size of a fragment. */
const STREAM_CHUNK: NumberRule = {
  default: 65_536,
  min: 1,
  max: 2 ** 30,
  unit: "bytes",
};

/** The options of a streamed message, checked. */
export interface CheckedStreamOptions {
  readonly type: "text" | "binary";
  /** The size of a fragment in bytes. */
  readonly chunkSize: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Checks the options of a streamed message and fills in the defaults.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function checkSendStreamOptions(
  options: SendStreamOptions,
): CheckedStreamOptions {
  const signal = signalOf(options, NAMES);
  const { type = "binary" } = options;
  checkWord("type", ["text", "binary"], type);
  return {
    type,
    chunkSize: numberOption("chunkSize", STREAM_CHUNK, options.chunkSize),
    signal,
  };
}

/** What {@link streamOut} needs to know of a streamed message. */
export interface StreamOutOptions extends CheckedStreamOptions {
  /** The source broke off when its first fragment was out already: the message cannot be completed. */
  readonly onBroken: (cause: unknown) => void;
}

/**
 * Sends a stream as one message, each fragment as soon as it is full and the buffer has space, or collects the
 * message first for a socket that cannot stream. Whatever makes it fail, the source is cancelled.
 */
export async function streamOut(
  socket: Socket,
  outgoing: Outgoing,
  stream: MessageStream,
  { type, chunkSize, signal, onBroken }: StreamOutOptions,
): Promise<void> {
  const source = openSource(stream);
  const encode = encoder();
  const check = type === "text" ? utf8Check() : undefined;
  const gathered: Uint8Array<ArrayBuffer>[] = [];
  let first = true;
  let hasTurn = false;
  const fragments = new Fragments(chunkSize, async (payload, last) => {
    if (socket.writeFragment === undefined) {
      gathered.push(new Uint8Array(payload));
      return;
    }
    const { length } = payload;
    await outgoing.space(signal);
    if (payload.length !== length) throw memoryChanged();
    outgoing.writeFragment({ type, payload, first, last });
    first = false;
  });
  try {
    await outgoing.takeTurn(signal);
    hasTurn = true;
    for (;;) {
      const { value, done } = await unlessAborted(
        source.next(),
        signal,
        outgoing.ended,
      );
      const bytes = done ? encode("", true) : encode(value);
      check?.(bytes, !done);
      await fragments.add(bytes);
      if (done) break;
    }
    await fragments.end();
    if (socket.writeFragment === undefined) {
      await outgoing.write(await join(gathered, type));
    }
    source.release();
  } catch (cause) {
    source.cancel(cause);
    const over = cause instanceof ConnectionError &&
      cause.code === "connection-closed";
    if (!first && !over) onBroken(cause);
    throw cause;
  } finally {
    if (hasTurn) outgoing.endTurn();
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

/** Waits for a promise, but no longer than until one of the signals aborts. */
function unlessAborted<T>(
  promise: Promise<T>,
  ...signals: (AbortSignal | undefined)[]
): Promise<T> {
  const aborted = signals.find((signal) => signal?.aborted);
  if (aborted !== undefined) {
    handled(promise);
    return rejected(aborted.reason);
  }
  return new Promise((resolve, reject) => {
    const removals: (() => void)[] = [];
    // The listener is removed in any case, also if the promise never settles.
    const leave = () => {
      for (const remove of removals) remove();
    };
    for (const signal of signals) {
      removals.push(onAbort(signal, () => {
        leave();
        reject(signal?.reason);
      }));
    }
    promise.then((value) => {
      leave();
      resolve(value);
    }, (error) => {
      leave();
      reject(error);
    });
  });
}

/** Turns chunks into bytes; a surrogate pair may be split over two strings. */
function encoder(): (chunk: unknown, end?: boolean) => Uint8Array {
  const utf8 = new TextEncoder();
  let half = "";
  return (chunk, end = false) => {
    if (isBytes(chunk)) {
      if (isLost(chunk)) {
        throw refuseChunk("has a buffer that was transferred or resized");
      }
      if (half === "") return plainBytes(chunk);
      const cut = utf8.encode(half);
      half = "";
      return new Uint8Array([...cut, ...chunk]);
    }
    if (typeof chunk !== "string") {
      throw refuseChunk(`is of type ${typeof chunk}`);
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
      throw refuseStream("UTF-8, being a text message", "other bytes");
    }
  };
}
