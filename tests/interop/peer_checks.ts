import {
  closeBoth,
  closeIn,
  closeOut,
  CODES,
  cutIn,
  cutOut,
  killed,
  NO_CODE,
} from "./checks_close.ts";
import { pingIn, pingOut, subprotocols } from "./checks_control.ts";
import {
  compressed,
  compressedFragments,
  compressedFragmentsIn,
  fragmentsIn,
  fragmentsOut,
  messages,
} from "./checks_messages.ts";
import type { Row } from "./_support/row.ts";

/** What a check leaves out for the sake of a peer. */
export interface Terms {
  /** The close codes to try. */
  readonly codes: readonly number[];
  /** Whether a byte order mark at the start of a text comes back. */
  readonly mark: boolean;
}

/** The columns of the matrix of peers, in the order in which they are tried. */
export const CHECKS = {
  "messages": messages,
  "fragments to peer": fragmentsOut,
  "fragments from peer": fragmentsIn,
  "compressed": compressed,
  "compressed fragments to peer": compressedFragments,
  "compressed fragments from peer": compressedFragmentsIn,
  "ping to peer": pingOut,
  "ping from peer": pingIn,
  "subprotocols": subprotocols,
  "close by us": closeOut,
  "close by peer": closeIn,
  "close by both": closeBoth,
  "cut by us": cutOut,
  "cut by peer": cutIn,
  "peer killed": killed,
} satisfies Record<string, (row: Row, terms: Terms) => Promise<void>>;

/** The name of a column. */
export type CheckName = keyof typeof CHECKS;

/** The names of the columns. */
export const CHECK_NAMES = Object.keys(CHECKS) as CheckName[];

/** Those that are about messages. */
export const MESSAGE_CHECKS: readonly CheckName[] = [
  "messages",
  "fragments to peer",
  "fragments from peer",
  "compressed",
  "compressed fragments to peer",
  "compressed fragments from peer",
  "subprotocols",
];

/** The codes with which one side closes. 1010 is the client's alone (RFC 6455, section 7.4.1). */
export function codesOf(check: CheckName, row: Row): readonly number[] {
  const sender = check === "close by us"
    ? (row.role === "client" ? "server" : "client")
    : row.role;
  const codes = CODES.filter((code) => code !== 1010 || sender === "client");
  return [...codes, NO_CODE];
}
