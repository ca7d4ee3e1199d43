/**
 * Helpers for tests of code that uses connections and pools, with and without a network.
 *
 * | To | use |
 * |---|---|
 * | advance the time | {@linkcode FakeClock} |
 * | play the peer, and see what is done to a socket | {@linkcode MockSocket} |
 * | decide the result of each dial | {@linkcode MockDialer} |
 * | have both ends of a connection in memory | {@linkcode socketPair}, {@linkcode RecordingReader} |
 * | check what is sent and what arrives | {@linkcode expectWrite}, {@linkcode expectIncoming}, {@linkcode json} |
 * | wait for something that takes real time | {@linkcode eventually}, {@linkcode never} |
 * | check what is logged | {@linkcode LogCapture}, {@linkcode assertLogSequence}, {@linkcode findLogRecord}, {@linkcode assertAttribute} |
 * | break a real network | {@linkcode FaultProxy} |
 *
 * Nothing here needs another package, a flag or a permission. Only the proxy needs
 * the network. Every helper can be closed completely, so tests may run
 * with the sanitizers of operations and resources.
 *
 * To test code that handles messages, use a {@linkcode MockSocket} or a {@linkcode socketPair} with a
 * {@linkcode FakeClock}: a test of a timeout of one minute then takes a millisecond. To test faults of the
 * network, use a {@linkcode FaultProxy} in front of a real server, and {@linkcode eventually} instead of
 * sleeping. A fake clock has no effect on real sockets: if a test needs both, `eventually(fn, { clock })`
 * advances the clock until `fn` succeeds.
 *
 * @example A greeting is answered, and a silent peer is pinged
 * ```ts
 * import { Connection } from "@honeybee/honeybee/transport";
 * import { expectWrite, FakeClock, MockSocket } from "@honeybee/honeybee/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const clock = new FakeClock();
 * clock.setRandom([0.5]); // The middle: pings come neither earlier nor later.
 * const socket = new MockSocket({ clock });
 * await using connection = new Connection(socket, {
 *   clock,
 *   pingInterval: 20_000,
 * });
 *
 * // What is tested: it answers each message.
 * const answering = (async () => {
 *   for await (const message of connection.incoming) connection.trySend(`${message}!`);
 * })();
 *
 * socket.receive("hello");
 * await expectWrite(socket, "hello!");
 *
 * await clock.advance(20_000);
 * assertEquals(socket.pings.length, 1);
 * clock.tick(5);
 * socket.receivePong();
 * assertEquals(connection.stats().latency, 5);
 *
 * socket.receiveClose(1000);
 * await answering;
 * ```
 *
 * @module
 */

export * from "./assertion_error.ts";
export * from "./eventually.ts";
export * from "./expect.ts";
export * from "./fake_clock.ts";
export * from "./fault_proxy.ts";
export type { CutKind, Direction, Faults, StallKind } from "./faults.ts";
export * from "./log_capture.ts";
export { type Expected, json } from "./match.ts";
export * from "./mock_dialer.ts";
export * from "./mock_socket.ts";
export * from "./mock_socket_options.ts";
export type { CutOptions, ProxyConnection } from "./proxy_connection.ts";
export type { LaneStats } from "./proxy_lane.ts";
export * from "./recording_reader.ts";
export * from "./seeded_random.ts";
export * from "./socket_pair.ts";
