import { builtin } from "../base/runtime.ts";
import type { DeflateAgreement } from "./negotiation.ts";

/** The constant that is hashed with the key (RFC 6455, section 1.3). */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** What both sides have agreed on. */
export interface HandshakeAgreement {
  /** The subprotocol, "" without one. */
  readonly protocol: string;
  /** The extensions as in the header, "" without any. */
  readonly extensions: string;
  /** The parameters of permessage-deflate, if it is in use. */
  readonly deflate: DeflateAgreement | undefined;
}

/** Returns a new `Sec-WebSocket-Key` (RFC 6455, section 4.1). */
export function createKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes));
}

/** Returns the `Sec-WebSocket-Accept` that answers a key (RFC 6455, section 4.2.2). */
export function acceptKey(key: string): string {
  const { createHash } = builtin("node:crypto");
  return createHash("sha1").update(key + GUID).digest("base64");
}
