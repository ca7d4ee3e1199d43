import { assertEquals, assertThrows } from "@std/assert";
import { FakeClock } from "../testing/mod.ts";
import { ConfigError } from "../transport/base/errors.ts";
import { InboundPool } from "./pool.ts";

Deno.test("Options that have no effect in an inbound pool are refused, and the message says where they belong", () => {
  for (
    const [options, field, home] of [
      [{ pingInterval: 5 }, "pingInterval", "the field connection"],
      [{ inactivityTimeout: 5 }, "inactivityTimeout", "the field worker"],
      [{ dialer: () => {} }, "dialer", "an outbound pool"],
      [
        { worker: { keepaliveTimeout: 5 } },
        "worker.keepaliveTimeout",
        "outbound",
      ],
      [{ worker: { maxPeers: 5 } }, "worker.maxPeers", "the pool"],
      [{ worker: { logger: console } }, "worker.logger", "the pool"],
      [{ worker: { onPing: () => {} } }, "worker.onPing", "field connection"],
      [{ worker: { compression: true } }, "worker.compression", "listen"],
      [{ onPing: () => {} }, "onPing", "the field connection"],
      [{ maxMessageSize: 5 }, "maxMessageSize", "listen"],
      [{ compression: true }, "compression", "listen"],
      [{ protocols: [] }, "protocols", "listen"],
      [{ handshakeTimeout: 5 }, "handshakeTimeout", "listen"],
      [{ origins: [] }, "origins", "listen"],
      [{ port: 5 }, "port", "listen"],
      [{ tls: {} }, "tls", "listen"],
      [{ onRequest: () => {} }, "onRequest", "listen"],
      [{ accept: () => {} }, "accept", "serve"],
      [{ retry: false }, "retry", "dials"],
      [{ caCerts: [] }, "caCerts", "dials"],
      [{ inboxSize: 5 }, "inboxSize", "inboxBufferSize"],
      [
        { connection: { maxMessageSize: 9 } },
        "connection.maxMessageSize",
        "listen",
      ],
      [
        { connection: { compression: true } },
        "connection.compression",
        "listen",
      ],
      [{ connection: { protocols: [] } }, "connection.protocols", "listen"],
      [{ connection: { retry: false } }, "connection.retry", "dials"],
      [
        { connection: { signal: AbortSignal.abort() } },
        "connection.signal",
        "the pool",
      ],
      [
        { connection: { clock: new FakeClock() } },
        "connection.clock",
        "the pool",
      ],
      [{ connection: { meter: {} } }, "connection.meter", "stats()"],
      [
        { connection: { inactivityTimeout: 5 } },
        "connection.inactivityTimeout",
        "worker",
      ],
      [{ connection: { pings: 5 } }, "connection.pings", "pingInterval"],
      [{ worker: { blocks: {} } }, "worker.blocks", "maxQueueSize"],
    ] as const
  ) {
    const error = assertThrows(
      // deno-lint-ignore no-explicit-any -- what a program in JavaScript may give
      () => new InboundPool("pool", options as any),
      ConfigError,
      home,
    );
    assertEquals(error.field, field);
  }
});
