/**
 * Helpers for tests of code that uses connections and pools, with and without a network.
 *
 * | To | there is |
 * |---|---|
 * | let time pass by hand | {@linkcode FakeClock} |
 * | speak for the peer, and see what is done to a socket | {@linkcode MockSocket} |
 * | say what becomes of each dial | {@linkcode MockDialer} |
 * | have both ends of a connection in memory | {@linkcode socketPair}, {@linkcode RecordingReader} |
 * | check what is sent and what arrives | {@linkcode expectWrite}, {@linkcode expectIncoming} |
 * | wait for what takes real time | {@linkcode eventually}, {@linkcode never} |
 * | check what is logged | {@linkcode LogCapture}, {@linkcode assertLogSequence}, {@linkcode findLogRecord}, {@linkcode assertAttribute} |
 * | break a real network | {@linkcode FaultProxy} |
 *
 * Nothing here needs another package, a flag or a permission. Only the proxy needs
 * the network. Every helper can be closed so that nothing is left of it: tests may run
 * with the sanitizers of operations and resources on.
 *
 * Which one to take: for logic that looks at messages a {@linkcode MockSocket} or a
 * {@linkcode socketPair} with a {@linkcode FakeClock}, so that a test of a minute's timeout takes a
 * millisecond; for what a network does, a {@linkcode FaultProxy} before a real server, and
 * {@linkcode eventually} in place of sleeping. A fake clock does not move real sockets: where both
 * are needed, `eventually(fn, { clock })` moves it until `fn` holds.
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
 * await using connection = Connection.fromSocket(socket, {
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
export type { Expected } from "./match.ts";
export * from "./mock_dialer.ts";
export * from "./mock_socket.ts";
export * from "./mock_socket_options.ts";
export * from "./proxy_connection.ts";
export type { LaneStats } from "./proxy_lane.ts";
export * from "./recording_reader.ts";
export * from "./seeded_random.ts";
export * from "./socket_pair.ts";
