import type { Clock } from "../base/clock.ts";
import { toError } from "../base/errors.ts";
import { Schedule, type Task } from "../base/schedule.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { createRefusal } from "../handshake/refusal.ts";
import { type PullStream, writeAll } from "../net/stream/pull_stream.ts";

/** How long a peer has to receive each part of a response, in milliseconds. */
const WRITE_TIMEOUT = 10_000;
const PART_SIZE = 65_536;
/** How long a peer has to leave after the response, in milliseconds. */
const LINGER = 1_000;
const SINK_SIZE = 4_096;

/**
 * Answers a request with the status that an error carries, and ends the stream. If the error carries none, because
 * the stream broke, the stream just ends.
 *
 * @param isHead Whether the request was a `HEAD`, whose response has no body.
 */
export async function refuse(
  stream: PullStream,
  thrown: unknown,
  clock: Clock,
  isHead = false,
): Promise<void> {
  const error = toError(thrown);
  const answer = error instanceof HandshakeError && error.status !== undefined
    ? createRefusal(error, isHead, clock.date())
    : undefined;
  if (answer === undefined) stream.close();
  else await answerAndClose(stream, answer, clock);
}

/**
 * Writes a response, and waits a second for the peer to leave: a stream that is closed while data still comes in may
 * lose the response on its way.
 */
export async function answerAndClose(
  stream: PullStream,
  answer: Uint8Array,
  clock: Clock,
): Promise<void> {
  const schedule = Schedule.of(clock);
  let task: Task | undefined;
  let closed = false;
  const close = () => {
    if (closed) return;
    closed = true;
    stream.close();
  };
  const closeIn = (delay: number) => {
    schedule.cancel(task);
    task = schedule.deadline(delay, close);
  };
  try {
    for (let at = 0; at < answer.length; at += PART_SIZE) {
      closeIn(WRITE_TIMEOUT);
      await writeAll(stream, answer.subarray(at, at + PART_SIZE));
    }
    closeIn(LINGER);
    await stream.closeWrite?.();
    const sink = new Uint8Array(SINK_SIZE);
    while (await stream.read(sink) !== null);
  } catch {
    // The peer did not wait for the response, or took too long.
  }
  schedule.cancel(task);
  close();
}

/** Returns the response to a peer that was not accepted. It does not describe mistakes on this side. */
export function toAnswer(thrown: unknown): HandshakeError {
  return thrown instanceof HandshakeError ? thrown : new HandshakeError(
    "refused",
    "Cannot accept the peer: the server has an internal error.",
    { status: 500, cause: thrown },
  );
}
