import {
  type Dialers,
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
  dialers: Dialers,
  bytes: Uint8Array,
): Promise<string> {
  using wire = await dialers.plain();
  await wire.write(bytes);
  return await wire.outcome(PATIENCE);
}

/** The attacks by peers that are not accepted, by name. */
export const ON_LISTENERS: Readonly<Record<string, ServerAttack>> = {
  "head, a byte at a time": {
    attackers: 50,
    outcome: /^cut$/,
    seen: /^listener error: timeout/,
    once: true,
    run: async (dialers) => {
      using wire = await dialers.plain();
      await wire.drip(head(), DRIP);
      return await wire.outcome(PATIENCE);
    },
  },
  "head of 64 KiB": {
    attackers: 4,
    outcome: /^HTTP 431$/,
    seen: /^listener error: head-too-large 431/,
    run: (dialers) => ask(dialers, head(`X-Large: ${"x".repeat(65_536)}`)),
  },
  "bad bytes in a header": {
    attackers: INJECTIONS.length,
    outcome: /^HTTP 400$/,
    seen: /^listener error: bad-(header|request) 400/,
    run: (dialers, number) =>
      ask(dialers, head(INJECTIONS[number % INJECTIONS.length] ?? "")),
  },
  "extensions that are no list": {
    attackers: 4,
    outcome: /^HTTP 400$/,
    seen: /^listener error: bad-extension 400/,
    run: (dialers) =>
      ask(dialers, head('Sec-WebSocket-Extensions: permessage-deflate; ="')),
  },
  "TLS: head, a byte at a time": {
    attackers: 20,
    outcome: /^cut$/,
    seen: /^listener error: timeout/,
    once: true,
    run: async (dialers) => {
      using wire = await dialers.tls();
      await wire.drip(head(), DRIP);
      return await wire.outcome(PATIENCE);
    },
  },
  "garbage to a TLS port": {
    attackers: GARBAGE.length,
    outcome: /^cut$/,
    seen: /^listener error: connection-lost/,
    run: async (dialers, number) => {
      using wire = await dialers.secure();
      await wire.write(GARBAGE[number % GARBAGE.length] ?? head());
      return await wire.outcome(PATIENCE);
    },
  },
  "silence to a TLS port": {
    attackers: 50,
    outcome: /^cut$/,
    seen: /^listener error: timeout/,
    connects: 500,
    once: true,
    run: async (dialers) => {
      using wire = await dialers.secure();
      return await wire.outcome(PATIENCE);
    },
  },
  "FIN inside the head": {
    attackers: 4,
    outcome: /^cut$/,
    seen: /^listener error: connection-lost/,
    run: async (dialers) => {
      using wire = await dialers.plain();
      await wire.write(head().subarray(0, -2));
      await wire.finish();
      return await wire.outcome(PATIENCE);
    },
  },
  "thousands that say nothing": {
    attackers: 500,
    full: 10_000,
    outcome: /^cut$/,
    seen: /^listener error: timeout/,
    connects: 1_000,
    once: true,
    run: async (dialers) => {
      using wire = await dialers.patient();
      return await wire.outcome(LONG);
    },
  },
};
