import { assertEquals } from "@std/assert";
import { metrics } from "@opentelemetry/api";
import { InboundPool } from "@honeybee/honeybee";
import { MockSocket } from "@honeybee/honeybee/testing";
import { observe } from "./otel.ts";

type Observe = (result: { observe(value: number): void }) => void;

Deno.test("The example has a pool's figures collected as OpenTelemetry metrics", async () => {
  const callbacks = new Map<string, Observe>();
  const instrument = (name: string) => ({
    addCallback: (callback: Observe) => callbacks.set(name, callback),
  });
  const provider = {
    getMeter: () => ({
      createObservableCounter: instrument,
      createObservableGauge: instrument,
    }),
  };
  Reflect.apply(metrics.setGlobalMeterProvider, metrics, [provider]);
  const pool = new InboundPool("metered");
  observe(pool);
  const socket = new MockSocket();
  pool.add("a", socket);
  socket.receive("one");
  await pool.send("a", "two");
  const collected: Record<string, number> = {};
  for (const [name, callback] of callbacks) {
    callback({ observe: (value) => collected[name] = value });
  }
  assertEquals(collected["honeybee.pool.receivedMessages"], 1);
  assertEquals(collected["honeybee.pool.sentMessages"], 1);
  assertEquals(collected["honeybee.pool.peerCount"], 1);
  assertEquals(collected["honeybee.pool.inboxDepth"], 1);
  metrics.disable();
  await pool.close();
});
