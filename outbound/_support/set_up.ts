import {
  type DialStep,
  FakeClock,
  MockDialer,
  MockSocket,
} from "../../testing/mod.ts";
import type { OutboundPoolOptions } from "../options.ts";
import type { OutboundEvent } from "../plugin.ts";
import { OutboundPool } from "../pool.ts";

/** A pool on a fake clock whose dials follow a script, and end on mocks. */
export function setUp(
  script: readonly DialStep[] = [],
  options: OutboundPoolOptions = {},
): {
  pool: OutboundPool;
  dialer: MockDialer;
  clock: FakeClock;
  sockets: MockSocket[];
} {
  const clock = new FakeClock();
  const sockets: MockSocket[] = [];
  const dialer = new MockDialer(script, {
    otherwise: (url) => {
      const socket = new MockSocket({ url, clock });
      sockets.push(socket);
      return socket;
    },
  });
  const pool = new OutboundPool("pool", {
    clock,
    dialer: dialer.dial,
    ...options,
  });
  return { pool, dialer, clock, sockets };
}

/** The events that wait. */
export function drain(pool: OutboundPool): OutboundEvent[] {
  const events: OutboundEvent[] = [];
  for (let event = pool.events.shift(); event; event = pool.events.shift()) {
    events.push(event);
  }
  return events;
}

/** The errors that wait. */
export function drainErrors(pool: OutboundPool): Error[] {
  const errors: Error[] = [];
  for (let record = pool.errors.shift(); record; record = pool.errors.shift()) {
    errors.push(record.error);
  }
  return errors;
}
