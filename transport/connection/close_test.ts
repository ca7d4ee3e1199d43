import { assertEquals } from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { CLOSE, closeBody, rawWithPeer } from "../_support/raw.ts";
import { Connection } from "./connection.ts";

for (const role of ["client", "server"] as const) {
  for (const initiator of ["local", "peer"] as const) {
    Deno.test(`closeTimeout bounds the closing handshake while output stalls: ${role}, ${initiator} begins`, async () => {
      const clock = new FakeClock();
      const { socket, peer } = rawWithPeer(role, { clock }, 1_000);
      const connection = new Connection(socket, {
        clock,
        closeTimeout: 100,
        pingInterval: 0,
        writeTimeout: 0,
      });
      connection.trySend("x".repeat(10_000));
      if (initiator === "local") void connection.close();
      else await peer.send(CLOSE, closeBody(1000));
      let ended = false;
      void connection.closed.then(() => ended = true);
      await clock.advance(99);
      assertEquals(ended, false);
      await clock.advance(1);
      assertEquals(ended, true);
      assertEquals((await connection.closed).initiator, initiator);
      assertEquals(clock.pending, 0);
      peer[Symbol.dispose]();
    });
  }
}
