import {
  BINARY,
  closing,
  CONTINUATION,
  deflateBomb,
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
  /** A connection to the TLS listener, with TLS. */
  tls(): Promise<Wire>;
  /** A connection to the listener that has patience. */
  patient(): Promise<Wire>;
}

/** What an attack is like, and what has to come of it. */
export interface AttackTerms {
  /** How many attackers there are at a time. */
  readonly attackers: number;
  /** The same with `--full`. @default as many */
  readonly full?: number;
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

const MIB = 1_048_576;
/** Milliseconds that an attacker waits for what comes of it. */
const PATIENCE = 4_000;
/** The same for those whose listener has patience. */
const LONG = 60_000;
/** Milliseconds between the bytes of a slow one. */
const DRIP = 25;
const MANY = 100_000;
/** Bytes a second that no loopback reaches: the victim takes what it wants. */
const UNBOUNDED = 2 ** 40;
const ASCII = new TextEncoder();
const MUCH = "x".repeat(65_536);

const LINES = [
  "Host: a.test",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/** Header lines that would end early, or hide another one, for who is lenient. */
const INJECTIONS = [
  "X-Line: a\nX-Injected: b",
  "X-Return: a\rX-Injected: b",
  "X-Nul: a\0b",
  "X-Folded: a\r\n b",
  "X Space: a",
  "X-Before-Colon : a",
  "\nX-Injected: b",
];

/** Windows that RFC 7692, section 7.1.2, does not have. */
const WINDOWS = [
  "server_max_window_bits=7",
  "server_max_window_bits=16",
  "client_max_window_bits=99999999999",
  "client_max_window_bits=-1",
  "server_max_window_bits=10; server_max_window_bits=10",
  "server_max_window_bits",
];

/** What is no TLS handshake: HTTP, noise, and records that promise more than they hold. */
const GARBAGE = [
  ASCII.encode("GET / HTTP/1.1\r\n\r\n"),
  Uint8Array.from({ length: 16_384 }, (_, i) => i * 167 + 13),
  Uint8Array.of(0x16, 3, 1, 0xff, 0xff, 1, 2, 3),
  Uint8Array.of(0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0),
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
  { offer, tls = false }: { offer?: string; tls?: boolean } = {},
): Promise<string> {
  using wire = await (tls ? doors.tls() : doors.plain());
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

/** A message that never ends, in fragments with this payload. */
async function writeFragments(wire: Wire, payload: Uint8Array): Promise<void> {
  const first = frame({ opcode: TEXT, payload, fin: false });
  const next = frame({ opcode: CONTINUATION, payload, fin: false });
  await wire.write(first);
  await wire.write(repeat(next, MANY - 1));
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
    run: (doors) => inside(doors, (wire) => writeFragments(wire, text(1))),
  },
  "100,000 empty fragments": {
    attackers: 4,
    verdict: /^close 1009$/,
    seen: /^event dropped-error: too-many-fragments/,
    run: (doors) => inside(doors, (wire) => writeFragments(wire, text(0))),
  },
  "100,000 pings": {
    attackers: 4,
    // Its own pongs stand in the queue behind its flood.
    verdict: /^close (1000|1001)$/,
    seen: /^event (disconnected|evicted-policy)/,
    rate: UNBOUNDED,
    once: true,
    run: (doors) =>
      inside(doors, async (wire) => {
        const ping = frame({ opcode: PING });
        wire.answerPings();
        await wire.write(repeat(ping, MANY), ping.length * 700);
        await wire.write(closing(1000));
      }),
  },
  "100,000 tiny messages": {
    attackers: 4,
    verdict: /^close 1000$/,
    seen: /^event disconnected/,
    once: true,
    run: (doors) =>
      inside(doors, async (wire) => {
        const message = frame({ opcode: TEXT, payload: text(1) });
        wire.answerPings();
        await wire.write(repeat(message, MANY), message.length * 600);
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
  "length of 2^63": {
    attackers: 4,
    verdict: /^close 1002$/,
    seen: /^event dropped-error: length-too-large/,
    run: one({ opcode: BINARY, claimed: 2n ** 63n }),
  },
  "message of 1 MiB, less a byte": {
    attackers: 6,
    verdict: /^close 1001$/,
    seen: /^event evicted-policy/,
    rate: 8 * MIB,
    once: true,
    run: (doors) =>
      inside(
        doors,
        (wire) =>
          wire.write(
            frame({ opcode: BINARY, payload: text(MIB) }).subarray(0, -1),
            65_536,
          ),
      ),
  },
  "pings, pongs never read": {
    attackers: 10,
    verdict: /^(close 1001|cut)$/,
    seen: /^event evicted-policy/,
    rate: UNBOUNDED,
    once: true,
    run: async (doors) => {
      using wire = await doors.plain(false);
      await wire.write(head());
      const ping = frame({ opcode: PING, payload: text(125) });
      await wire.write(repeat(ping, MANY));
      wire.listen();
      return await wire.verdict(PATIENCE);
    },
  },
  "close, then 100,000 closes": {
    attackers: 2,
    verdict: /^(close 1000|cut)$/,
    seen: /^event disconnected/,
    run: (doors) =>
      inside(doors, (wire) => wire.write(repeat(closing(1000), MANY))),
  },
  "close, then 8 MiB of data": {
    attackers: 2,
    verdict: /^(close 1000|cut)$/,
    seen: /^event disconnected/,
    run: (doors) =>
      inside(doors, async (wire) => {
        await wire.write(closing(1000));
        await wire.write(
          repeat(
            frame({ opcode: TEXT, payload: text(100) }),
            Math.floor(8 * MIB / 106),
          ),
        );
      }),
  },
  "bad bytes in a header": {
    attackers: INJECTIONS.length,
    verdict: /^HTTP 400$/,
    seen: /^listener error: bad-(header|request) 400/,
    run: (doors, number) =>
      ask(doors, head(INJECTIONS[number % INJECTIONS.length] ?? "")),
  },
  "deflate bomb, 64 MiB in 64 KiB": {
    attackers: 40,
    verdict: /^close 1009$/,
    seen: /^event dropped-error: message-too-large/,
    once: true,
    run: (doors) =>
      inside(doors, (wire) => wire.write(deflateBomb(true)), {
        offer: "permessage-deflate",
      }),
  },
  "bad window bits, then compressed": {
    attackers: WINDOWS.length,
    // The offer is declined (RFC 7692, section 7.1), and RSV1 has no meaning then.
    verdict: /^close 1002$/,
    seen: /^event dropped-error: reserved-bits/,
    run: (doors, number) =>
      inside(
        doors,
        (wire) =>
          wire.write(frame({ opcode: TEXT, payload: text(5), rsv1: true })),
        { offer: `permessage-deflate; ${WINDOWS[number % WINDOWS.length]}` },
      ),
  },
  "extensions that are no list": {
    attackers: 4,
    verdict: /^HTTP 400$/,
    seen: /^(listener error|accept threw): bad-extension 400/,
    run: (doors) =>
      ask(doors, head('Sec-WebSocket-Extensions: permessage-deflate; ="')),
  },
  "TLS: head, a byte at a time": {
    attackers: 20,
    verdict: /^cut$/,
    seen: /^listener error: timeout/,
    once: true,
    run: async (doors) => {
      using wire = await doors.tls();
      await wire.drip(head(), DRIP);
      return await wire.verdict(PATIENCE);
    },
  },
  "TLS: 100,000 tiny fragments": {
    attackers: 4,
    verdict: /^close 1009$/,
    seen: /^event dropped-error: too-many-fragments/,
    run: (doors) =>
      inside(doors, (wire) => writeFragments(wire, text(1)), { tls: true }),
  },
  "TLS: frame without a mask": {
    attackers: 4,
    verdict: /^close 1002$/,
    seen: /^event dropped-error: mask-missing/,
    run: (doors) =>
      inside(
        doors,
        (wire) =>
          wire.write(
            frame({ opcode: TEXT, payload: text(5), masked: false }),
          ),
        { tls: true },
      ),
  },
  "garbage to a TLS port": {
    attackers: GARBAGE.length,
    verdict: /^cut$/,
    seen: /^listener error: connection-lost/,
    run: async (doors, number) => {
      using wire = await doors.secure();
      await wire.write(GARBAGE[number % GARBAGE.length] ?? head());
      return await wire.verdict(PATIENCE);
    },
  },
  "silence to a TLS port": {
    attackers: 50,
    verdict: /^cut$/,
    seen: /^listener error: timeout/,
    connects: 500,
    once: true,
    run: async (doors) => {
      using wire = await doors.secure();
      return await wire.verdict(PATIENCE);
    },
  },
  "FIN inside the head": {
    attackers: 4,
    verdict: /^cut$/,
    seen: /^listener error: connection-lost/,
    run: async (doors) => {
      using wire = await doors.plain();
      await wire.write(head().subarray(0, -2));
      await wire.finish();
      return await wire.verdict(PATIENCE);
    },
  },
  "FIN behind the head": {
    attackers: 4,
    verdict: /^cut$/,
    seen: /^event dropped-close: 1006/,
    run: (doors) => inside(doors, (wire) => wire.finish()),
  },
  "FIN inside a frame": {
    attackers: 4,
    verdict: /^cut$/,
    seen: /^event dropped-close: 1006/,
    run: (doors) =>
      inside(doors, async (wire) => {
        await wire.write(
          frame({ opcode: TEXT, payload: text(50) }).subarray(0, 20),
        );
        await wire.finish();
      }),
  },
  "thousands that say nothing": {
    attackers: 500,
    full: 10_000,
    verdict: /^cut$/,
    seen: /^listener error: timeout/,
    connects: 1_000,
    once: true,
    run: async (doors) => {
      using wire = await doors.patient();
      return await wire.verdict(LONG);
    },
  },
  "thousands that only shake hands": {
    attackers: 500,
    full: 10_000,
    verdict: /^(close 1001|cut)$/,
    seen: /^event evicted-policy/,
    connects: 1_000,
    once: true,
    run: async (doors) => {
      using wire = await doors.patient();
      await wire.write(head());
      return await wire.verdict(LONG);
    },
  },
};
