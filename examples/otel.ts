/**
 * A pool's statistics as OpenTelemetry metrics. Deno exports them if it is started with these settings:
 *
 * `OTEL_DENO=true deno run --allow-net --allow-env examples/otel.ts [PORT]`
 *
 * Taking statistics never waits and costs nothing between two collections.
 *
 * @module
 */

import { metrics } from "@opentelemetry/api";
import { InboundPool, listen, type PoolStats } from "@honeybee/honeybee";
import { interrupted, port } from "./interrupted.ts";

/** Registers the figures of a pool. */
export function observe(
  pool: { readonly id: string; stats(): PoolStats },
): void {
  const meter = metrics.getMeter("honeybee");
  const attributes = { "pool.id": pool.id };
  // Figures that never fall are counters, the others are gauges.
  const counters = [
    "receivedMessages",
    "receivedBytes",
    "droppedMessages",
    "sentMessages",
    "sentBytes",
    "failedSends",
    "heartbeats",
    "connections",
    "lostConnections",
    "failedDials",
    "droppedErrors",
    "missedEvents",
  ] as const;
  const gauges = [
    "peerCount",
    "inboxDepth",
    "waitingMessages",
    "eventsDepth",
    "errorsDepth",
  ] as const;
  for (const name of counters) {
    meter.createObservableCounter(`honeybee.pool.${name}`)
      .addCallback((result) => result.observe(pool.stats()[name], attributes));
  }
  for (const name of gauges) {
    meter.createObservableGauge(`honeybee.pool.${name}`)
      .addCallback((result) => result.observe(pool.stats()[name], attributes));
  }
}

if (import.meta.main) {
  const signal = interrupted();
  const pool = new InboundPool("metered", { signal });
  observe(pool);
  const listener = listen({ port: port(), hostname: "127.0.0.1", signal });
  await pool.serve(listener);
  await pool.closed;
}
