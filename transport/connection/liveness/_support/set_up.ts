/** What the tests of liveness share. */

import { FakeClock } from "../../../../testing/fake_clock.ts";
import { ConnectionError } from "../../../base/errors.ts";
import {
  Liveness,
  type LivenessHost,
  type LivenessOptions,
} from "../liveness.ts";
import { ActiveSocket } from "./active_socket.ts";

interface SetUpOptions extends Partial<LivenessOptions> {
  /** Whether the peer answers pings. */
  readonly answers?: boolean;
  readonly clock?: FakeClock;
  readonly random?: number;
}

/** Liveness over a socket whose bytes a test moves. */
export function setUp(
  { answers = false, random = 0.5, ...options }: SetUpOptions = {},
) {
  const clock = options.clock ?? new FakeClock({ now: 0 });
  clock.setRandom(() => random);
  const socket = new ActiveSocket(clock);
  const dead: [at: number, code: string][] = [];
  const state = { resumedAt: 0, sendWaits: false };
  const host: LivenessHost = {
    get resumedAt() {
      return state.resumedAt;
    },
    get sendWaits() {
      return state.sendWaits;
    },
    heartbeat() {},
    dead: (error) =>
      dead.push([
        clock.now(),
        error instanceof ConnectionError ? error.code : error.message,
      ]),
  };
  const liveness = new Liveness(socket, socket.activity, {
    pingInterval: 20_000,
    pingTimeout: 20_000,
    writeTimeout: 30_000,
    ...options,
    clock,
  }, host);
  // Pings are written at once, and answered if the peer does that.
  socket.behaviour.ping = (payload) => {
    socket.complete(10);
    if (!answers) return;
    socket.arrive(10);
    liveness.pong(payload, clock.now());
  };
  socket.start({
    message: () => true,
    ping() {},
    pong() {},
    drain: () => liveness.drained(),
    end() {},
  });
  /** Output is buffered, of which the stream takes some at once. */
  const write = (bytes: number, taken: number) => {
    socket.bufferedAmount += bytes;
    liveness.written();
    if (taken > 0) socket.complete(taken);
  };
  return { clock, socket, liveness, dead, state, write };
}

/** Does something every so many milliseconds, for so long. */
export async function every(
  clock: FakeClock,
  interval: number,
  duration: number,
  action: () => void,
): Promise<void> {
  for (let passed = 0; passed < duration; passed += interval) {
    await clock.advance(interval);
    action();
  }
}
