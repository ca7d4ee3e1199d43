/** A watcher of frames that ends the connection, or sends, while it is called. */

import { assertEquals, assertThrows } from "@std/assert";
import { ConnectionError } from "../base/errors.ts";
import {
  BINARY,
  CLOSE,
  closeBody,
  PING,
  Rig,
  TEXT,
} from "./_support/endpoint.ts";
import { OPCODE_CLOSE, OPCODE_PONG } from "./wire/frame.ts";

const ROLES = ["client", "server"] as const;

/** What ends the connection in the moment in which our close frame is queued. */
const CLOSES: Readonly<Record<string, (rig: Rig) => void>> = {
  "close()": (rig) => rig.endpoint.close(1000, "", 100, rig.now),
  "the answer to the peer's close frame": (rig) => {
    rig.receive(CLOSE, closeBody(1000));
    rig.endpoint.answersDone(rig.now);
  },
  "close() after the peer's close frame": (rig) => {
    rig.receive(CLOSE, closeBody(1000));
    rig.endpoint.close(1000, "", 100, rig.now);
  },
  "a violation": (rig) => rig.receive(0xf3),
  "a fault of our own": (rig) =>
    rig.endpoint.fail(new Error("ours"), 1011, rig.now),
  "a fault after the peer's close frame": (rig) => {
    rig.receive(CLOSE, closeBody(1000));
    rig.endpoint.fail(new Error("ours"), 1011, rig.now);
  },
};

for (const role of ROLES) {
  for (const [name, close] of Object.entries(CLOSES)) {
    Deno.test(`${role}: terminate() when our close frame is queued because of ${name} ends the connection`, () => {
      const rig = new Rig(role);
      rig.endpoint.watchFrames((direction, { opcode }) => {
        if (direction === "sent" && opcode === OPCODE_CLOSE) {
          rig.endpoint.terminate();
        }
      });
      close(rig);
      assertEquals(rig.endpoint.state, "ended");
      assertEquals(rig.endpoint.deadline, undefined);
      assertEquals(rig.write(), []);
      assertEquals(rig.endpoint.end?.sent, undefined);
    });

    Deno.test(`${role}: sending when our close frame is queued because of ${name} fails`, () => {
      const rig = new Rig(role);
      const codes: string[] = [];
      rig.endpoint.watchFrames((direction, { opcode }) => {
        if (direction !== "sent" || opcode !== OPCODE_CLOSE) return;
        const { code } = assertThrows(
          () => rig.endpoint.message("late"),
          ConnectionError,
        );
        codes.push(code);
        rig.endpoint.close(1001, "", 100, rig.now);
      });
      close(rig);
      assertEquals(codes, ["connection-closed"]);
      const written = rig.write();
      assertEquals(written.length, 1);
      assertEquals(written[0]?.startsWith("close"), true);
    });
  }

  Deno.test(`${role}: nothing is delivered or written after terminate() in the watcher`, () => {
    for (const first of [TEXT, BINARY, PING, CLOSE]) {
      for (const direction of ["received", "sent"] as const) {
        const rig = new Rig(role);
        rig.endpoint.watchFrames((seen, { opcode }) => {
          if (
            seen === direction &&
            opcode === (seen === "sent" ? OPCODE_PONG : first & 0x0f)
          ) rig.endpoint.terminate();
        });
        rig.bytes(
          rig.frame(first, first === CLOSE ? closeBody(1000) : "x"),
          rig.frame(TEXT, "y"),
        );
        const ends = direction === "received" || first === PING;
        if (!ends) continue;
        assertEquals(rig.events, []);
        assertEquals(rig.write(), []);
        assertEquals(rig.endpoint.state, "ended");
      }
    }
  });

  Deno.test(`${role}: terminate() while a piece of a lent message is taken gives no piece`, () => {
    const rig = new Rig(role, { fragmentSize: 1_000 });
    let settled: boolean | undefined;
    rig.endpoint.lend(
      new Uint8Array(100_000),
      (written) => settled = written,
    );
    rig.endpoint.watchFrames((direction) => {
      if (direction === "sent") rig.endpoint.terminate();
    });
    assertEquals(rig.endpoint.take(), undefined);
    assertEquals([rig.endpoint.bufferedAmount, settled], [0, false]);
  });
}
