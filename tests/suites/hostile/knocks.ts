// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * Knocks at the listeners of `listeners.ts` in the ways that its standard input asks for, in a process of its own. Each
 * attack takes three lines of the input: what to do, to begin, and to see how long each listener takes to serve a good
 * client. Each of them is answered with a line.
 *
 * @module
 */

import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { CA } from "../../../transport/_support/certificates.ts";
import { pause } from "./control.ts";
import { closing } from "./frames.ts";
import { head, UNBOUNDED } from "./terms.ts";
import { Pace, Wire } from "./wire.ts";

/** What is asked: `listener` is attacked by `count` connections. */
export interface Knock {
  /** `early` is a reset that comes while the server stands still, and so before it accepts. */
  readonly attack: "reset" | "early" | "half" | "descriptors";
  readonly listener: string;
  readonly count: number;
  /** How long the descriptors are used up, in milliseconds. */
  readonly lasts: number;
}

/** Longest time that a good client waits, in milliseconds. */
const PATIENCE = 20_000;
const hostname = "127.0.0.1";
const [ports = "{}", path = ""] = Deno.args;
const addresses: Record<string, number> = JSON.parse(ports);
const listeners = [...Object.keys(addresses), "unix"];
const pace = new Pace(UNBOUNDED);
/** Attackers at a time that connect and reset. */
const AT_ONCE = 20;

/** A connection of a good client. */
async function open(listener: string): Promise<Wire> {
  const port = addresses[listener] ?? 0;
  const conn =
    await (listener === "unix"
      ? Deno.connect({ transport: "unix", path })
      : listener === "tls"
      ? Deno.connectTls({ hostname, port, caCerts: [CA] })
      : Deno.connect({ hostname, port }));
  const wire = new Wire(conn, pace, true);
  await wire.write(head());
  await wire.answered();
  return wire;
}

/** Closes the connection of a good client, and says whether the server answered as it should. */
async function leave(wire: Wire): Promise<boolean> {
  using _ = wire;
  await wire.write(closing(1000));
  return await wire.outcome(PATIENCE) === "close 1000";
}

/** How long it takes until a good client is served, in milliseconds. */
async function served(listener: string): Promise<number> {
  const start = performance.now();
  const serve = async () => await leave(await open(listener));
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), PATIENCE);
  const good = await Promise.race([serve().catch(() => false), late.promise]);
  clearTimeout(timer);
  return good ? Math.round(performance.now() - start) : Infinity;
}

/** A connection of an attacker: resolves when the system says that it is there. */
function dial(listener: string): Promise<Socket> {
  const port = addresses[listener] ?? 0;
  const socket = connect(
    listener === "unix" ? { path } : { host: hostname, port },
  );
  return new Promise((resolve) => {
    const settle = () => resolve(socket);
    socket.on("connect", settle).on("error", settle);
  });
}

/** Ends with a reset, which a Unix socket does not have. */
function reset(listener: string, socket: Socket): void {
  if (listener === "unix") socket.destroy();
  else socket.resetAndDestroy();
}

async function half(listener: string): Promise<void> {
  const socket = await dial(listener);
  if (listener === "tls") {
    const secure = connectTls({ socket, ca: CA });
    secure.on("error", () => {});
    await new Promise<void>((resolve) => {
      secure.on("secureConnect", () => resolve());
      secure.on("close", () => resolve());
    });
    secure.write(head().subarray(0, 50));
  } else socket.write(head().subarray(0, 50));
  await pause(5);
  reset(listener, socket);
}

async function attack(
  { attack, listener, count, lasts }: Knock,
): Promise<void> {
  if (attack === "descriptors") {
    const sockets = await Promise.all(
      Array.from({ length: count }, () => dial(listener)),
    );
    await pause(lasts);
    for (const socket of sockets) socket.destroy();
    return;
  }
  let left = count;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) {
      if (attack === "half") await half(listener);
      else reset(listener, await dial(listener));
    }
  }));
}

const decoder = new TextDecoder();
const input = Deno.stdin.readable[Symbol.asyncIterator]();

/** Says that it is ready, and waits for the next line; `undefined` when there is none. */
async function nextLine(report: object): Promise<string | undefined> {
  console.log(JSON.stringify(report));
  const { value, done } = await input.next();
  return done ? undefined : decoder.decode(value);
}

let report: object = {};
for (;;) {
  const line = await nextLine(report);
  if (line === undefined) break;
  const knock: Knock = JSON.parse(line);
  // These clients are connected before the attack, and have to stay connected.
  const inside = await Promise.all(listeners.map(open));
  await nextLine({});
  await attack(knock);
  await nextLine({});
  const times = await Promise.all(listeners.map(served));
  const stayed = await Promise.all(inside.map(leave));
  report = {
    served: Object.fromEntries(
      listeners.map((
        listener,
        i,
      ) => [listener, times[i] === Infinity ? -1 : times[i]]),
    ),
    lost: listeners.filter((_, i) => !stayed[i]),
  };
}
