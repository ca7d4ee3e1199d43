// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * The victim of the hostile suite, in a process of its own, so that its memory and processor time can
 * be weighed: an inbound pool behind a plain, a TLS and a patient listener, and an outbound pool that
 * dials the addresses that it is given. Prints its ports, then answers questions.
 *
 * @module
 */

import process from "node:process";
import {
  dialRaw,
  HandshakeError,
  InboundPool,
  listen,
  type Listener,
  OutboundPool,
  ProtocolError,
} from "../../../mod.ts";
import {
  SERVER_CERT,
  SERVER_KEY,
} from "../../../transport/_support/certificates.ts";
import { answer, pause, Tally, type VictimReport } from "./control.ts";

const [patience = "1000", healthyUrl = ""] = Deno.args;
const HEALTHY = "/healthy";
const connection = {
  pingInterval: 250,
  writeTimeout: 1_500,
  closeTimeout: 500,
};
const inbound = new InboundPool("victim", {
  worker: { inactivityTimeout: 1_000 },
  connection,
});
const patient = new InboundPool("patient", {
  worker: { inactivityTimeout: Number(patience) },
  connection: { ...connection, pingInterval: Number(patience) / 4 },
});
const outbound = new OutboundPool("victim", {
  dialer: dialRaw,
  connection: {
    ...connection,
    handshakeTimeout: 700,
    compression: true,
    protocols: ["chat"],
    retry: { initialDelay: 100, maxDelay: 200 },
  },
  worker: { reconnectDelay: 100, maxReconnectDelay: 200 },
});
const host = { hostname: "127.0.0.1", compression: true };
const tls = { cert: SERVER_CERT, key: SERVER_KEY };
const plain = listen({ ...host, handshakeTimeout: 700 });
const secure = listen({ ...host, handshakeTimeout: 700, tls });
const slow = listen({ ...host, handshakeTimeout: Number(patience) });
await secure.ready;

let seen = new Tally();
let peak = 0;
let count = 0;
const watched = [
  accept(plain, inbound),
  accept(secure, inbound),
  accept(slow, patient),
  refusals(plain),
  refusals(secure),
  refusals(slow),
  events(inbound),
  events(patient),
  outboundEvents(),
  errors(),
  echo(inbound),
  echo(patient),
  echo(outbound),
];
void Promise.all(watched);
setInterval(() => peak = Math.max(peak, Deno.memoryUsage().rss), 20);
outbound.connect(healthyUrl);

const control = answer(async (question) => {
  switch (question.ask) {
    case "dial":
      for (const url of question.urls) outbound.connect(url);
      break;
    case "undial":
      await Promise.all(
        outbound.peers.filter((url) => !url.endsWith(HEALTHY))
          .map((url) => outbound.remove(url)),
      );
      break;
    case "reset":
      collect();
      // What was collected goes back to the system a little later.
      await pause(50);
      seen = new Tally();
      peak = Deno.memoryUsage().rss;
  }
  return report();
});
const ports = [plain, secure, slow].map(({ addr }) =>
  addr.transport === "tcp" ? addr.port : 0
);
console.log(JSON.stringify({ control, ports }));

function report(): VictimReport {
  const { user, system } = process.cpuUsage();
  const { rss } = Deno.memoryUsage();
  peak = Math.max(peak, rss);
  const peers = [...inbound.peers, ...patient.peers, ...outbound.peers];
  return {
    rss,
    peak,
    cpu: (user + system) / 1_000,
    seen: seen.counts,
    hostile: peers.filter((id) => !id.includes(HEALTHY)).length,
  };
}

/** Collects garbage, so that what the last attack left is not counted for the next. */
function collect(): void {
  const gc: unknown = Reflect.get(globalThis, "gc");
  if (typeof gc === "function") gc();
}

async function accept(listener: Listener, pool: InboundPool): Promise<void> {
  for await (const incoming of listener) {
    const { pathname } = new URL(incoming.request.url);
    try {
      pool.add(`${pathname}#${count++}`, incoming.accept());
    } catch (error) {
      seen.add(`accept threw: ${describe(error)}`);
    }
  }
}

async function refusals(listener: Listener): Promise<void> {
  for await (const { error } of listener.errors) {
    seen.add(`listener error: ${describe(error)}`);
  }
}

async function events(pool: InboundPool): Promise<void> {
  for await (const { id, kind, closeCode, error } of pool.events) {
    const details = [error && codeOf(error), closeCode]
      .filter((detail) => detail !== undefined);
    const text = [`${kind}${details.length > 0 ? ":" : ""}`, ...details]
      .join(" ");
    seen.add(id.startsWith(HEALTHY) ? `HEALTHY ${text}` : `event ${text}`);
  }
}

async function outboundEvents(): Promise<void> {
  for await (const { id, kind, closeCode, error } of outbound.events) {
    const healthy = id.endsWith(HEALTHY);
    if (kind === "connected") continue;
    const detail = error === undefined ? closeCode : describe(error);
    seen.add(`${healthy ? "HEALTHY" : "event"} ${kind}: ${detail}`);
  }
}

async function errors(): Promise<void> {
  for await (const { error } of outbound.errors) {
    seen.add(`pool error: ${describe(error)}`);
  }
}

/** Healthy peers get back what they send, and others messages of 16 KiB; the rest is read and dropped. */
async function echo(pool: InboundPool | OutboundPool): Promise<void> {
  for await (const batch of pool.inbox.batches()) {
    for (const { id, data } of batch) {
      if (!id.includes(HEALTHY) && data.length !== 16_384) continue;
      try {
        pool.trySend(id, data);
      } catch (error) {
        // It has left, or its connection has ended.
        const code = error instanceof Error && Reflect.get(error, "code");
        if (code !== "peer-not-found" && code !== "connection-closed") {
          seen.add(`HEALTHY echo threw: ${error}`);
        }
      }
    }
  }
}

/** The innermost code of the library's. */
function codeOf(error: Error): string {
  if (error.cause instanceof Error) return codeOf(error.cause);
  return String(Reflect.get(error, "code") ?? error.message);
}

/** The innermost code of the library's, and the status or close code that goes with it. */
function describe(error: unknown): string {
  if (error instanceof HandshakeError) {
    return `${error.code} ${error.status ?? ""}`.trim();
  }
  if (error instanceof ProtocolError) return `${error.code} ${error.closeCode}`;
  if (!(error instanceof Error)) return String(error);
  if (error.cause !== undefined) return describe(error.cause);
  const closeCode = Reflect.get(error, "closeCode") ?? "";
  return `${Reflect.get(error, "code") ?? error.message} ${closeCode}`.trim();
}
