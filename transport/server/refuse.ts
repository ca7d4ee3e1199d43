import { type PullStream, writeAll } from "../net/pull_stream.ts";
import type { Clock } from "../base/clock.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { toError } from "../base/errors.ts";
import { createRefusal } from "../handshake/refusal.ts";
import { Schedule } from "../base/schedule.ts";

/** Milliseconds a refused peer has to take the answer and leave. */
const LINGER = 1_000;
const SINK_SIZE = 4_096;

/**
 * Answers a request with the status that an error carries, and ends the stream. One that
 * carries none (the stream broke) just ends it.
 *
 * @throws {HandshakeError} `bad-header` when the answer cannot be written; the stream has ended then.
 */
export async function refuse(
  stream: PullStream,
  thrown: unknown,
  clock: Clock,
): Promise<void> {
  const error = toError(thrown);
  let answer: Uint8Array | undefined;
  let failure: unknown;
  try {
    if (error instanceof HandshakeError && error.status !== undefined) {
      answer = createRefusal(error.status, {
        headers: error.headers,
        body: error.message,
      });
    }
  } catch (thrown) {
    failure = thrown;
  }
  if (answer !== undefined) await sayAndLinger(stream, answer, clock);
  else stream.close();
  if (failure !== undefined) throw failure;
}

/**
 * Says it, and waits for the peer to leave: a stream that is cut while data comes in may
 * lose the answer on its way.
 */
async function sayAndLinger(
  stream: PullStream,
  answer: Uint8Array,
  clock: Clock,
): Promise<void> {
  const schedule = Schedule.of(clock);
  const task = schedule.after(LINGER, () => stream.close());
  try {
    await writeAll(stream, answer);
    await stream.closeWrite?.();
    const sink = new Uint8Array(SINK_SIZE);
    while (await stream.read(sink) !== null);
  } catch {
    // The peer did not wait for the answer, or took too long.
  }
  if (task.place < 0) return;
  schedule.cancel(task);
  stream.close();
}
