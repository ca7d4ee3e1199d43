import {
  BINARY,
  closing,
  CONTINUATION,
  frame,
  type HostileFrame,
  PING,
  repeat,
  TEXT,
} from "./hostile_frames.ts";
import type { Wire } from "./hostile_wire.ts";

/** Where an attacker on servers can go. */
export interface Doors {
  /** A connection to the plain listener. @param listens Whether it reads from the beginning. */
  plain(listens?: boolean): Promise<Wire>;
  /** A TCP connection to the TLS listener. */
  secure(): Promise<Wire>;
  /** A connection to the listener that has patience. */
  patient(): Promise<Wire>;
}

/** What an attack is like, and what has to come of it. */
export interface AttackTerms {
  /** How many attackers there are at a time. */
  readonly attackers: number;
  /** How each of them must end. */
  readonly verdict: RegExp;
  /** What the victim must tell in events or errors. */
  readonly seen: RegExp;
  /** Bytes a second that all attackers write together. @default 1 MiB */
  readonly rate?: number;
  /** Connections a second that they make. @default 100 */
  readonly connects?: number;
  /** Whether each attacks only once, since it takes its time. @default false */
  readonly once?: boolean;
}

/** An attack on a listener and an inbound pool. */
export interface ServerAttack extends AttackTerms {
  /** One attacker's part. Gives how it ended for him. */
  run(doors: Doors, number: number): Promise<string>;
}

/** Milliseconds that an attacker waits for what comes of it. */
const PATIENCE = 4_000;
/** Milliseconds between the bytes of a slow one. */
const DRIP = 25;
const MANY = 100_000;
const ASCII = new TextEncoder();
const MUCH = "x".repeat(65_536);

const LINES = [
  "Host: a.test",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

function head(...more: string[]): Uint8Array {
  const lines = ["GET /hostile HTTP/1.1", ...LINES, ...more, "", ""];
  return ASCII.encode(lines.join("\r\n"));
}

/** Sends a head, and gives how it ends. */
async function ask(
  doors: Doors,
  bytes: Uint8Array,
): Promise<string> {
  using wire = await doors.plain();
  await wire.write(bytes);
  return await wire.verdict(PATIENCE);
}

/** Gets in, does its part, and gives how it ends. */
async function inside(
  doors: Doors,
  attack: (wire: Wire) => Promise<unknown>,
  options: { offer?: string; patient?: boolean } = {},
): Promise<string> {
  using wire = await (options.patient ? doors.patient() : doors.plain());
  const { offer } = options;
  await wire.write(
    head(...offer === undefined ? [] : [`Sec-WebSocket-Extensions: ${offer}`]),
  );
  if (await wire.answered() === 101) await attack(wire);
  return await wire.verdict(PATIENCE);
}

/** One frame behind the handshake. */
function one(wrong: HostileFrame): ServerAttack["run"] {
  return (doors) => inside(doors, (wire) => wire.write(frame(wrong)));
}

const text = (size: number) => new Uint8Array(size).fill(97);

/** The attacks on servers, by name. */
export const ON_SERVERS: Readonly<Record<string, ServerAttack>> = {
  "head, a byte at a time": {
    attackers: 50,
    verdict: /^cut$/,
    seen: /^listener error: timeout/,
    once: true,
    run: async (doors) => {
      using wire = await doors.plain();
      await wire.drip(head(), DRIP);
      return await wire.verdict(PATIENCE);
    },
  },
  "frame, a byte at a time": {
    attackers: 50,
    verdict: /^close 1001$/,
    seen: /^event evicted-policy/,
    once: true,
    run: (doors) =>
      inside(
        doors,
        (wire) => wire.drip(frame({ opcode: TEXT, payload: text(125) }), DRIP),
      ),
  },
  "100,000 tiny fragments": {
    attackers: 4,
    verdict: /^close 1009$/,
    seen: /^event dropped-error: too-many-fragments/,
    run: (doors) =>
      inside(doors, async (wire) => {
        const tiny = { payload: text(1), fin: false };
        await wire.write(frame({ opcode: TEXT, ...tiny }));
        await wire.write(
          repeat(frame({ opcode: CONTINUATION, ...tiny }), MANY - 1),
        );
      }),
  },
  "100,000 empty fragments": {
    attackers: 4,
    verdict: /^close 1009$/,
    seen: /^event dropped-error: too-many-fragments/,
    run: (doors) =>
      inside(doors, async (wire) => {
        await wire.write(frame({ opcode: TEXT, fin: false }));
        await wire.write(
          repeat(frame({ opcode: CONTINUATION, fin: false }), MANY - 1),
        );
      }),
  },
  "100,000 pings": {
    attackers: 1,
    verdict: /^close 1000$/,
    seen: /^event disconnected/,
    once: true,
    run: (doors) =>
      inside(doors, async (wire) => {
        await wire.write(repeat(frame({ opcode: PING }), MANY));
        await wire.write(closing(1000));
      }),
  },
  "head of 64 KiB": {
    attackers: 4,
    verdict: /^HTTP 431$/,
    seen: /^listener error: head-too-large 431/,
    run: (doors) => ask(doors, head(`X-Large: ${MUCH}`)),
  },
  "frame without a mask": {
    attackers: 4,
    verdict: /^close 1002$/,
    seen: /^event dropped-error: mask-missing/,
    run: one({ opcode: TEXT, payload: text(5), masked: false }),
  },
  "length of 2^40": {
    attackers: 4,
    verdict: /^close 1009$/,
    seen: /^event dropped-error: message-too-large/,
    run: one({ opcode: BINARY, claimed: 2n ** 40n }),
  },
};
