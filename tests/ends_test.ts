/** How connections end over every kind of stream: what we say about the end is what went over the wire. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Connection,
  ConnectionError,
  InboundPool,
  OutboundPool,
  PoolError,
} from "../mod.ts";
import {
  eventually,
  FakeClock,
  MockDialer,
  RecordingReader,
  socketPair,
} from "../testing/mod.ts";
import { CLOSE, closeBody, TEXT } from "../transport/_support/raw.ts";
import { HAND_SETUPS, meetByHand } from "./_support/hand_setups.ts";

/** More than the buffers of the system take. */
const STALLING = 24 * 2 ** 20;
/** A bound on what takes a few hundred milliseconds, on a busy machine. Version 0.1 took 5 s. */
const SOON = 4_000;

/** Options of a pool that keeps few messages, so that more wait in the system. */
const SMALL = { inboxBufferSize: 4, connection: { incomingBufferSize: 4 } };
/** The messages that a peer sends before it resets the connection. */
const COUNT = 100;

/** Adds a peer that sends messages, and a close frame if one is given, and then resets the connection. */
async function sendAndReset(
  pool: InboundPool,
  { ours, peer }: Awaited<ReturnType<typeof meetByHand>>,
  close?: Uint8Array,
): Promise<void> {
  // The peer does not read this. Therefore its system resets the connection.
  ours.write(new Uint8Array(100_000));
  pool.add("peer", ours);
  for (let i = 0; i < COUNT; i++) await peer.send(TEXT, `${i}`);
  if (close !== undefined) await peer.send(CLOSE, close);
  await eventually(() => ours.bufferedAmount === 0);
  peer[Symbol.dispose]();
}

for (const setup of HAND_SETUPS) {
  for (
    const [what, first, body, answer, clean] of [
      ["close frame", CLOSE, closeBody(1000, "bye"), 1000, true],
      ["violation", 0x83, new Uint8Array(0), 1002, false],
    ] as const
  ) {
    Deno.test(`${setup}: after the peer's ${what} sends fail at the call, and nothing follows our close frame`, async () => {
      await using met = await meetByHand(setup);
      const { ours, peer } = met;
      const connection = new Connection(ours, { closeTimeout: 60_000 });
      await peer.send(first, body);
      await eventually(() => connection.state === "closed");
      for (let i = 0; i < 3; i++) {
        const thrown = assertThrows(
          () => connection.trySend("late"),
          ConnectionError,
        );
        const rejected = await assertRejects(
          () => connection.send("late"),
          ConnectionError,
        );
        for (const { code, closeCode, reason } of [thrown, rejected]) {
          assertEquals(code, "connection-closed");
          if (clean) assertEquals([closeCode, reason], [1000, "bye"]);
        }
      }
      assertEquals(connection.stats().failedSends, 6);
      assertEquals((await peer.nextClose())[0], answer);
      await peer.stream.closeWrite?.();
      const end = await connection.closed;
      assertEquals(
        [end.clean, end.received?.code, end.sent?.code],
        [clean, clean ? 1000 : undefined, answer],
      );
      assertEquals(await peer.next(), undefined);
      const late = await assertRejects(
        () => connection.send("late"),
        ConnectionError,
      );
      assertEquals(late.closeCode, answer);
    });
  }

  Deno.test(`${setup}: a close frame that did not go out is not called sent, and closeTimeout bounds the end`, async () => {
    await using met = await meetByHand(setup);
    const { ours, peer } = met;
    const connection = new Connection(ours, { closeTimeout: 200 });
    const sent = assertRejects(
      () => connection.send(new Uint8Array(STALLING)),
      ConnectionError,
    );
    const started = performance.now();
    await peer.send(CLOSE, closeBody(1000, "enough"));
    const end = await connection.closed;
    const took = performance.now() - started;
    assert(took > 190 && took < SOON, `it took ${took} ms`);
    assertEquals(
      [end.clean, end.initiator, end.received?.code, end.sent],
      [false, "peer", 1000, undefined],
    );
    const { delivered, closeCode, reason } = await sent;
    assertEquals([delivered, closeCode, reason], ["unknown", 1000, "enough"]);
    assertEquals(await peer.next(), undefined, "no frame is complete");
  });

  Deno.test(`${setup}: a pool closes in time while a peer that has closed takes nothing`, async () => {
    await using met = await meetByHand(setup);
    const { ours, peer } = met;
    const pool = new InboundPool("pool", {
      connection: { closeTimeout: 200 },
    });
    pool.add("peer", ours);
    const sent = assertRejects(() =>
      pool.send("peer", new Uint8Array(STALLING))
    );
    await peer.send(CLOSE, closeBody(1000));
    const started = performance.now();
    await pool.close();
    const took = performance.now() - started;
    assert(took < SOON, `it took ${took} ms`);
    await sent;
    assertEquals(await Array.fromAsync(pool.errors), []);
  });

  Deno.test(`${setup}: what the peer had sent is delivered through a small inbox although writing fails, and its close is known`, async () => {
    await using met = await meetByHand(setup);
    await using pool = new InboundPool("pool", SMALL);
    await sendAndReset(pool, met, closeBody(1000, "bye"));
    await eventually(async () => {
      await pool.send("peer", "anybody there?").catch(() => {});
      return pool.stats().failedSends > 0;
    });
    for (let i = 0; i < COUNT; i++) {
      assertEquals((await pool.inbox.take())?.data, `${i}`);
    }
    await eventually(() => !pool.has("peer"));
    const event = await pool.events.take();
    assertEquals([event?.kind, event?.closeCode], ["disconnected", 1000]);
    assertEquals(pool.stats().droppedMessages, 0);
  });

  // Each takes a second, and the streams of clients are the same.
  if (setup.startsWith("client")) continue;

  Deno.test(`${setup}: if nobody reads, messages left after a failed write are dropped, counted and reported`, async () => {
    await using met = await meetByHand(setup);
    await using pool = new InboundPool("pool", SMALL);
    await sendAndReset(pool, met);
    await eventually(async () => {
      await pool.send("peer", "anybody there?").catch(() => {});
      return !pool.has("peer");
    });
    const { receivedMessages, droppedMessages, inboxDepth, waitingMessages } =
      pool.stats();
    assertEquals(inboxDepth + waitingMessages, receivedMessages);
    assert(receivedMessages < COUNT);
    assertEquals(receivedMessages + droppedMessages, COUNT);
    const reported = await pool.errors.take();
    assert(reported?.error instanceof PoolError);
    assertEquals(reported.error.code, "messages-dropped");
    assert(reported.error.message.includes(`${droppedMessages} messages`));
    for (let i = 0; i < receivedMessages; i++) {
      assertEquals((await pool.inbox.take())?.data, `${i}`);
    }
  });
}

for (const kind of ["inbound", "outbound"] as const) {
  for (const call of ["remove", "close"] as const) {
    Deno.test(`${call} of an ${kind} pool waits for a peer that still reads, up to four times closeTimeout`, async () => {
      const clock = new FakeClock();
      const { client: ours, server: peer } = socketPair({ clock });
      const connection = { closeTimeout: 1_000, pingInterval: 0 };
      const pool = kind === "inbound"
        ? new InboundPool("pool", { clock, connection })
        : new OutboundPool("pool", {
          clock,
          connection,
          dialer: new MockDialer([ours]).dial,
        });
      if (pool instanceof InboundPool) pool.add("peer", ours);
      else pool.connect("ws://peer.example", { id: "peer" });
      await clock.settle();
      // It pauses after each message.
      const reader = new RecordingReader({ capacity: 1 });
      peer.start(reader);
      const sent: Promise<void>[] = [];
      for (let i = 0; i < 9; i++) {
        sent.push(pool.send("peer", new Uint8Array(100_000)));
      }
      const ended = call === "close" ? pool.close() : pool.remove("peer");
      // A message every 400 ms.
      for (let i = 0; i < 9; i++) {
        await clock.advance(400);
        peer.resume();
      }
      await clock.advance(400);
      await ended;
      await Promise.all(sent);
      assertEquals(reader.messages.length, 9);
      assertEquals(await peer.closed.then(({ clean }) => clean), true);
      await pool.close();
      assertEquals(await Array.fromAsync(pool.errors), []);
    });
  }
}
