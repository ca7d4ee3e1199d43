/** What the tests of deliveries share. */

import { Queue } from "../../base/queue.ts";
import type { BacklogLimits } from "../backlog.ts";
import { Backlogs } from "../backlogs.ts";
import {
  Delivery,
  type DeliverySink,
  type MessageSource,
} from "../delivery.ts";
import type { PoolEvent } from "../events.ts";
import { TrafficCounter } from "../statistics.ts";
import type { InboxMessage } from "../worker.ts";

export interface TestEvent extends PoolEvent {
  readonly kind: string;
}

/** A connection that brings messages as long as it is let go on. */
export class Source implements MessageSource {
  readonly flowControl: boolean;
  readonly overflows: Error[] = [];
  readonly #sink: DeliverySink;
  readonly #unread: string[] = [];
  #held = false;

  constructor(
    delivery: Delivery<TestEvent>,
    session: number,
    flowControl = true,
  ) {
    this.flowControl = flowControl;
    this.#sink = delivery.open(
      session,
      this,
      (error) => this.overflows.push(error),
    );
  }

  /** Messages that the peer has sent and that were not read yet. */
  get unread(): number {
    return this.#unread.length;
  }

  receive(...messages: string[]): void {
    this.#unread.push(...messages);
    this.#read();
  }

  resume(): void {
    this.#held = false;
    this.#read();
  }

  finish(): void {
    this.#sink.finish();
  }

  end(): void {
    this.#sink.end();
  }

  #read(): void {
    while (!this.#held) {
      const data = this.#unread.shift();
      if (data === undefined) return;
      const more = this.#sink.message(data, data.length, 5);
      this.#held = !more && this.flowControl;
    }
  }
}

/** The delivery of a pool, and a log of what comes out of it. */
export function setUp(
  limits: Partial<BacklogLimits> = {},
  capacity = 2,
  maxWeight = Infinity,
  /** What happens when an event is emitted, by its kind. */
  onEvent: Readonly<Record<string, () => void>> = {},
) {
  const inbox = new Queue<InboxMessage>({
    capacity,
    maxWeight,
    weigh: (message) => message.data.length,
  });
  const log: string[] = [];
  const errors: [string, Error][] = [];
  const backlogs = new Backlogs<TestEvent>({
    inbox,
    limits: {
      maxItems: 3,
      maxBytes: 1_000,
      maxQueueSize: 0,
      maxDepartedItems: 4,
      maxDepartedBytes: 1_000,
      ...limits,
    },
    emit: (event) => {
      log.push(event.missed ? `${event.kind} (${event.missed})` : event.kind);
      onEvent[event.kind]?.();
    },
    report: (id, error) => errors.push([id, error]),
  });
  const admit = (id = "a", previous?: Delivery<TestEvent>) =>
    new Delivery<TestEvent>(
      id,
      new TrafficCounter(),
      backlogs,
      previous,
    );
  const emit = (delivery: Delivery<TestEvent>, kind: string) =>
    delivery.emit({ id: delivery.id, at: 1, session: 1, kind });
  /** Reads up to `count` messages, and notes them in the log with the events between them. */
  const read = (count = Infinity) => {
    for (let i = 0; i < count; i++) {
      const message = inbox.shift();
      if (message === undefined) return;
      log.push(String(message.data));
    }
  };
  return { inbox, backlogs, admit, emit, read, log, errors };
}
