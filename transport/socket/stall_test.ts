import { assert } from "@std/assert";
import { RecordingReader } from "../../testing/mod.ts";
import { CA, SERVER_CERT, SERVER_KEY } from "../_support/certificates.ts";
import { dialRaw } from "../client/dial_raw.ts";
import { listen } from "../server/listen.ts";
import { turns } from "../_support/raw.ts";
import type { Socket } from "./socket.ts";

const HOST = "127.0.0.1";
/** Rounds in which the system may answer without delay even so. */
const WARM_UP = 3;
const ROUNDS = 12;

/** Sends two small messages in two writes, and waits for the answer to the second; in milliseconds. */
async function round(from: Socket, reader: RecordingReader): Promise<number> {
  const begin = performance.now();
  from.write("one");
  await turns(1);
  from.write("two");
  await reader.take();
  return performance.now() - begin;
}

for (const secure of [false, true]) {
  for (const role of ["client", "server"] as const) {
    Deno.test(`two small sends and a reply never stall: ${role}, ${secure ? "TLS" : "plain"}`, async () => {
      await using listener = listen({
        hostname: HOST,
        ...(secure && { tls: { cert: SERVER_CERT, key: SERVER_KEY } }),
      });
      await listener.ready;
      const { addr } = listener;
      assert(addr.transport === "tcp");
      const incoming = listener[Symbol.asyncIterator]();
      const scheme = secure ? "wss" : "ws";
      const dialled = dialRaw(`${scheme}://${HOST}:${addr.port}`, {
        ...(secure && { caCerts: [CA] }),
      });
      const accepted = (await incoming.next()).value?.accept();
      assert(accepted !== undefined);
      const client = await dialled;
      const [from, to] = role === "client"
        ? [client, accepted]
        : [accepted, client];
      const reader = new RecordingReader();
      from.start(reader);
      const answering = new RecordingReader();
      answering.message = (data) => {
        if (data === "two") to.write("reply");
        return true;
      };
      to.start(answering);
      const times: number[] = [];
      for (let i = 0; i < ROUNDS; i++) times.push(await round(from, reader));
      client.terminate();
      accepted.terminate();
      // With Nagle's algorithm every round but the first ones would take over 40 ms. On a busy machine some rounds do.
      assert(Math.min(...times.slice(WARM_UP)) < 20, times.join());
    });
  }
}
