// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * A worker with its own rate limit: reading from a peer that sends faster is paused, so that nothing is lost.
 *
 * An echo server for 10 messages per second and peer: `deno run --allow-net examples/extend_rate_limit.ts [PORT]`
 *
 * @module
 */

import {
  type Clock,
  forEachMessage,
  InboundPool,
  listen,
} from "@honeybee/honeybee";
import {
  DefaultInboundWorker,
  type InboundPlugin,
} from "@honeybee/honeybee/inbound";
import type { MessageDelivery } from "@honeybee/honeybee/transport";
import { interrupted, port } from "./interrupted.ts";

/** Delivers at most `rate` messages per second of each connection that supports backpressure. */
export function limited(
  delivery: MessageDelivery,
  rate: number,
  clock: Clock,
): MessageDelivery {
  return {
    open(session, source, onOverflow) {
      let [tokens, countedAt] = [rate, clock.now()];
      let [early, full, finishing] = [false, false, false];
      let cancel = () => {};
      const goOn = () => early || full || source.resume();
      const sink = delivery.open(session, {
        flowControl: source.flowControl,
        resume: () => {
          full = false;
          goOn();
        },
      }, onOverflow);
      return {
        message(data, size, at) {
          full = !sink.message(data, size, at);
          const now = clock.now();
          tokens = Math.min(rate, tokens + (now - countedAt) * rate / 1_000);
          countedAt = now;
          early = --tokens < 1 && source.flowControl && !finishing;
          if (early) {
            cancel = clock.timer(() => {
              early = false;
              goOn();
            }, (1 - tokens) * 1_000 / rate);
          }
          return !early && !full;
        },
        finish() {
          [early, finishing] = [false, true];
          cancel();
          sink.finish();
          goOn();
        },
        end() {
          cancel();
          sink.end();
        },
      };
    },
  };
}

/** The default worker behind a rate limit. */
export class LimitedWorker extends DefaultInboundWorker {
  /** Lets `rate` messages per second pass. */
  constructor(readonly rate: number) {
    super();
  }

  override start(plugin: InboundPlugin): Promise<void> {
    const delivery = limited(plugin.delivery, this.rate, plugin.clock);
    return super.start({ ...plugin, delivery });
  }
}

if (import.meta.main) {
  const signal = interrupted();
  const workerFactory = () => new LimitedWorker(10);
  const pool = new InboundPool("limited", { signal, workerFactory });
  const listener = listen({ hostname: "127.0.0.1", port: port(), signal });
  console.log(`ws://127.0.0.1:${listener.port}`);
  const echoing = forEachMessage(pool, ({ data, reply }) => reply(data));
  await Promise.all([pool.serve(listener), echoing, pool.closed]);
}
