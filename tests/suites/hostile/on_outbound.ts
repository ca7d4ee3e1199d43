import { acceptKey } from "../../../transport/handshake/agreement.ts";
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
} from "./frames.ts";
import { type AttackTerms, DRIP, MANY, MIB, text, UNBOUNDED } from "./terms.ts";
import type { Wire } from "./wire.ts";

/** An attack on an outbound pool that has dialled, and whose request has been read. */
export interface ClientAttack extends AttackTerms {
  /** What the hostile server does with one connection. */
  serve(wire: Wire, number: number): Promise<void>;
}

const ASCII = new TextEncoder();

/** The head of an answer: right, unless it is changed. */
function head(
  wire: Wire,
  more: readonly string[] = [],
  accept?: string,
): Uint8Array {
  const [, key = ""] = /^sec-websocket-key: *(\S+)/mi.exec(
    wire.observer.head,
  ) ?? [];
  return ASCII.encode([
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept ?? acceptKey(key)}`,
    ...more,
    "",
    "",
  ].join("\r\n"));
}

/** Header lines that end early, or hide another one. */
const INJECTIONS = [
  "X-Line: a\nX-Injected: b",
  "X-Return: a\rX-Injected: b",
  "X-Nul: a\0b",
  "X-Folded: a\r\n b",
  "X Space: a",
];

/** Answers to an offer of permessage-deflate that are none. */
const WINDOWS = [
  "server_max_window_bits=7",
  "server_max_window_bits=16",
  "client_max_window_bits",
  "client_max_window_bits=99",
  "window_bits=10",
];

/** An attack that is a wrong head, which the client leaves. */
function wrongHead(
  seen: RegExp,
  make: (wire: Wire, number: number) => Uint8Array,
): ClientAttack {
  return {
    attackers: 8,
    outcome: /^cut$/,
    seen,
    serve: (wire, number) => wire.write(make(wire, number)),
  };
}

/** An attack that is a right head, and then one wrong frame. */
function wrongFrame(
  code: number,
  seen: RegExp,
  make: () => Uint8Array,
  extension?: string,
): ClientAttack {
  const more = extension === undefined
    ? []
    : [`Sec-WebSocket-Extensions: ${extension}`];
  return {
    attackers: 8,
    outcome: new RegExp(`^close ${code}$`),
    seen,
    serve: async (wire) => {
      await wire.write(head(wire, more));
      await wire.write(make());
    },
  };
}

const unmasked = (wrong: HostileFrame) => frame({ masked: false, ...wrong });

/** A fragment, and as many as there may be behind it. */
function fragments(payload: Uint8Array): Uint8Array {
  const rest = unmasked({ opcode: CONTINUATION, payload, fin: false });
  const all = repeat(rest, MANY);
  all[0] = TEXT;
  return all;
}

/** The attacks on clients, by name. */
export const ON_OUTBOUND: Readonly<Record<string, ClientAttack>> = {
  "server: silence": {
    attackers: 50,
    outcome: /^cut$/,
    seen: /^pool error: timeout/,
    lasts: 1_000,
    serve: () => Promise.resolve(),
  },
  "server: head, a byte at a time": {
    attackers: 50,
    outcome: /^cut$/,
    seen: /^pool error: timeout/,
    lasts: 1_000,
    serve: (wire) => wire.drip(head(wire), DRIP),
  },
  "server: head without an end": {
    ...wrongHead(
      /^pool error: head-too-large/,
      (wire) =>
        head(wire, [`X-Endless: ${"x".repeat(4 * MIB)}`]).subarray(0, -4),
    ),
    rate: 4 * MIB,
  },
  "server: wrong accept key": wrongHead(
    /^pool error: bad-accept/,
    (wire) => head(wire, [], "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
  ),
  "server: bad bytes in a header": wrongHead(
    /^pool error: bad-(header|response)/,
    (wire, number) =>
      head(wire, [INJECTIONS[number % INJECTIONS.length] ?? ""]),
  ),
  "server: subprotocol nobody offered": wrongHead(
    /^pool error: bad-protocol/,
    (wire) => head(wire, ["Sec-WebSocket-Protocol: evil"]),
  ),
  "server: extension nobody offered": wrongHead(
    /^pool error: bad-extension/,
    (wire) => head(wire, ["Sec-WebSocket-Extensions: x-evil"]),
  ),
  "server: bad window bits": wrongHead(
    /^pool error: bad-extension/,
    (wire, number) =>
      head(wire, [
        `Sec-WebSocket-Extensions: permessage-deflate; ${
          WINDOWS[number % WINDOWS.length]
        }`,
      ]),
  ),
  "server: masked frame": wrongFrame(
    1002,
    /^event disconnected: mask-unexpected/,
    () => frame({ opcode: TEXT, payload: text(5) }),
  ),
  "server: length of 2^63": wrongFrame(
    1002,
    /^event disconnected: length-too-large/,
    () => unmasked({ opcode: BINARY, claimed: 2n ** 63n }),
  ),
  "server: 100,000 tiny fragments": {
    ...wrongFrame(
      1009,
      /^event disconnected: too-many-fragments/,
      () => fragments(text(1)),
    ),
    lasts: 800,
  },
  "server: 100,000 empty fragments": {
    ...wrongFrame(
      1009,
      /^event disconnected: too-many-fragments/,
      () => fragments(text(0)),
    ),
    lasts: 800,
  },
  "server: 100,000 pings, then close": {
    outcome: /^close 1000$/,
    seen: /^event disconnected: peer-closed-clean 1000/,
    serve: async (wire) => {
      await wire.write(head(wire));
      await wire.write(repeat(unmasked({ opcode: PING }), MANY));
      await wire.write(closing(1000, false));
      await wire.finish();
    },
    attackers: 2,
    rate: UNBOUNDED,
    // They are read a KiB at a time, with pauses.
    lasts: 4_000,
  },
  "server: deflate bomb, 64 MiB in 64 KiB": wrongFrame(
    1009,
    /^event disconnected: message-too-large/,
    () => deflateBomb(false),
    "permessage-deflate",
  ),
  "server: FIN inside a frame": {
    attackers: 8,
    outcome: /^cut$/,
    seen: /^event disconnected: peer-closed-unexpected 1006/,
    serve: async (wire) => {
      await wire.write(head(wire));
      await wire.write(
        unmasked({ opcode: TEXT, payload: text(50) }).subarray(0, 20),
      );
      await wire.finish();
    },
  },
};
