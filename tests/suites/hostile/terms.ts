import type { Wire } from "./wire.ts";

/** The ways in which an attacker connects to a server. */
export interface Dialers {
  /** A connection to the plain listener. @param listens Whether it reads from the beginning. */
  plain(listens?: boolean): Promise<Wire>;
  /** A TCP connection to the TLS listener. */
  secure(): Promise<Wire>;
  /** A connection to the TLS listener, with TLS. */
  tls(): Promise<Wire>;
  /** A connection to the listener with long timeouts. */
  patient(): Promise<Wire>;
}

/** What an attack is like, and what has to come of it. */
export interface AttackTerms {
  /** How many attackers there are at a time. */
  readonly attackers: number;
  /** The same with `--full`. @default as many */
  readonly full?: number;
  /** How each of them must end. */
  readonly outcome: RegExp;
  /** What the victim must report in events or errors. */
  readonly seen: RegExp;
  /** Bytes a second that all attackers write together. @default 1 MiB */
  readonly rate?: number;
  /** Connections a second that they make. @default 100 */
  readonly connects?: number;
  /** Milliseconds that a victim which dials is kept with it. @default 400 */
  readonly lasts?: number;
  /** Whether each attacks only once, since it takes its time. @default false */
  readonly once?: boolean;
}

/** An attack on a listener and an inbound pool. */
export interface ServerAttack extends AttackTerms {
  /** The actions of one attacker. Returns how its connection ended. */
  run(dialers: Dialers, number: number): Promise<string>;
}

/** Milliseconds that an attacker waits for what comes of it. */
export const PATIENCE = 4_000;
/** The same for attackers of the listener with long timeouts. */
export const LONG = 60_000;
/** Milliseconds between the bytes of a slow one. */
export const DRIP = 25;
export const MIB = 1_048_576;
export const MANY = 100_000;
/** Bytes a second that no loopback reaches: the victim takes what it wants. */
export const UNBOUNDED = 2 ** 40;

const LINES = [
  "Host: a.test",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/** The bytes of a request that is right, and more lines. */
export function head(...more: string[]): Uint8Array {
  const lines = ["GET /hostile HTTP/1.1", ...LINES, ...more, "", ""];
  return new TextEncoder().encode(lines.join("\r\n"));
}

/** A payload of letters. */
export function text(size: number): Uint8Array {
  return new Uint8Array(size).fill(97);
}
