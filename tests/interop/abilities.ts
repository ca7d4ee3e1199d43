import type { CheckName } from "./peer_checks.ts";
import type { AcceptorName } from "./_support/acceptor.ts";

/** What an implementation can do in one role. */
export interface Abilities {
  /** Checks that it cannot take part in, with the reason. */
  readonly cannot?: Partial<Record<CheckName, string | undefined>>;
  /** Close codes that it does not send. */
  readonly unsendable?: readonly Lack[];
  /** Close codes that it does not accept. */
  readonly unreadable?: readonly Lack[];
  /** Why a byte order mark at the start of a text does not come back. */
  readonly noMark?: string;
}

/** Some close codes, and why they are left out. */
export interface Lack {
  readonly codes: (code: number) => boolean;
  readonly reason: string;
}

/** Why a peer cannot take part. */
export const NONE = {
  fragments: "The peer's interface cannot send a message in fragments.",
  compression: "The peer does not compress.",
  ping: "The peer's interface cannot send a ping.",
  cut: "The peer's interface cannot end a connection without a close frame.",
};

/** Every connection ends with a code. */
export const ALWAYS_A_CODE: Lack = {
  codes: (code) => code === 1005,
  reason: "The peer's interface cannot send a close frame without a code.",
};

/** What Deno does not know. */
export const NO_1014: Lack = {
  codes: (code) => code === 1014,
  reason: "Deno's own WebSocket does not know 1014.",
};

/** The codes that browsers send. */
export const FEW_CODES: Lack = {
  codes: (code) => code < 3000 && code !== 1000 && code !== 1005,
  reason: "The peer's interface sends 1000 and 3000 to 4999 only.",
};

/** What the `WebSocket` of browsers can do, on whatever runtime. */
export const BROWSER_LIKE: Abilities = {
  cannot: {
    "fragments from peer": NONE.fragments,
    "compressed fragments from peer": NONE.fragments,
    "ping from peer": NONE.ping,
    "cut by peer": NONE.cut,
  },
  unsendable: [FEW_CODES],
};

/** What our servers and dialers that use Deno's own WebSocket cannot do. */
export const NATIVE: Partial<Record<CheckName, string>> = {
  "fragments to peer": "Deno's own WebSocket does not send fragments.",
  "compressed": "Deno's own WebSocket does not compress.",
  "compressed fragments to peer": "Deno's own WebSocket does not compress.",
  "compressed fragments from peer": "Deno's own WebSocket does not compress.",
  "ping to peer": "Deno's own WebSocket does not ping on request.",
};

/** Why the same cannot cut. */
export const NATIVE_CUT =
  "Deno's own WebSocket cannot be cut: `terminate` sends a close frame.";

/** What our own servers can do as the peer behind a proxy. */
export const OURS: Record<AcceptorName, Abilities> = {
  listen: {},
  upgradeNode: {},
  upgrade: {
    cannot: {
      "fragments from peer": NATIVE["fragments to peer"],
      "compressed": NATIVE.compressed,
      "compressed fragments to peer": NATIVE.compressed,
      "compressed fragments from peer": NATIVE.compressed,
      "ping from peer": NATIVE["ping to peer"],
      "cut by peer": NATIVE_CUT,
    },
    unsendable: [NO_1014],
    unreadable: [NO_1014],
  },
};
