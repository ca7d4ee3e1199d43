import {
  DefaultInboundWorker,
  type InboundPlugin,
} from "@honeybee/honeybee/inbound";
import { paceMessages } from "@honeybee/honeybee/transport";

/** The default worker behind a rate limit: a peer that sends faster is paused, and nothing is lost. */
export class LimitedWorker extends DefaultInboundWorker {
  /** Delivers at most `rate` messages per second, and as many at once after a pause. */
  constructor(readonly rate: number) {
    super();
  }

  override start(plugin: InboundPlugin): Promise<void> {
    const { clock } = plugin;
    let tokens = this.rate;
    let countedAt = clock.now();
    const delivery = paceMessages(plugin.delivery, clock, () => {
      const now = clock.now();
      const earned = (now - countedAt) * this.rate / 1_000;
      tokens = Math.min(this.rate, tokens + earned) - 1;
      countedAt = now;
      return (1 - tokens) * 1_000 / this.rate;
    });
    return super.start({ ...plugin, delivery });
  }
}
