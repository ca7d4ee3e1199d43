import {
  type Doors,
  DRIP,
  head,
  LONG,
  PATIENCE,
  type ServerAttack,
} from "./terms.ts";

/** Header lines that would end early, or hide another one, if the reader is lenient. */
const INJECTIONS = [
  "X-Line: a\nX-Injected: b",
  "X-Return: a\rX-Injected: b",
  "X-Nul: a\0b",
  "X-Folded: a\r\n b",
  "X Space: a",
  "X-Before-Colon : a",
  "\nX-Injected: b",
];

/** What is no TLS handshake: HTTP, noise, and records that promise more than they hold. */
const GARBAGE = [
  new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"),
  Uint8Array.from({ length: 16_384 }, (_, i) => i * 167 + 13),
  Uint8Array.of(0x16, 3, 1, 0xff, 0xff, 1, 2, 3),
  Uint8Array.of(0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0),
];

/** Sends a head, and gives how it ends. */
async function ask(
  doors: Doors,
  bytes: Uint8Array,
): Promise<string> {
  using wire = await doors.plain();
  await wire.write(bytes);
  return await wire.verdict(PATIENCE);
}

/** The attacks by peers that are not accepted, by name. */
export const ON_LISTENERS: Readonly<Record<string, ServerAttack>> = {
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
  "head of 64 KiB": {
    attackers: 4,
    verdict: /^HTTP 431$/,
    seen: /^listener error: head-too-large 431/,
    run: (doors) => ask(doors, head(`X-Large: ${"x".repeat(65_536)}`)),
  },
  "bad bytes in a header": {
    attackers: INJECTIONS.length,
    verdict: /^HTTP 400$/,
    seen: /^listener error: bad-(header|request) 400/,
    run: (doors, number) =>
      ask(doors, head(INJECTIONS[number % INJECTIONS.length] ?? "")),
  },
  "extensions that are no list": {
    attackers: 4,
    verdict: /^HTTP 400$/,
    seen: /^listener error: bad-extension 400/,
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
};
