/** The fuzzer of the handshake: heads that nobody should send, and what must hold nevertheless. */

import { HandshakeError } from "../errors.ts";
import { acceptKey } from "../agreement.ts";
import {
  checkUpgradeResponse,
  createUpgradeRequest,
  type UpgradeRequest,
} from "../client.ts";
import {
  checkUpgradeRequest,
  createUpgradeResponse,
  type UpgradePolicy,
} from "../server.ts";
import { MAX_HEADERS, parseRequestHead, parseResponseHead } from "../head.ts";
import { type HeadKind, HeadReader, MAX_EMPTY_LINES } from "../head_reader.ts";
import { createRefusal } from "../refusal.ts";
import { ResponseReader } from "../response_reader.ts";
import { chance } from "../../_support/bytes.ts";

/** What a run of the fuzzer has done. */
export interface HandshakeFuzzReport {
  /** How many heads were fed. */
  heads: number;
  /** How many of them led to a connection. */
  agreed: number;
  /** How many of our own heads were made of what nobody should ask for, and were good. */
  written: number;
  /** How many were refused, by code. */
  refused: Map<string, number>;
}

type Next = (limit: number) => number;

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const LIMIT = 1_500;
/** The statuses that a server may answer with. */
const STATUSES = [400, 403, 405, 426, 431, 500, 505];

const REQUEST: UpgradeRequest = {
  host: "a.example",
  target: "/",
  key: KEY,
  protocols: ["chat", "superchat"],
  compression: {},
};
const POLICIES: readonly UpgradePolicy[] = [
  {},
  { compression: {}, protocols: ["superchat"] },
  { compression: { clientMaxWindowBits: 10 }, protocols: (all) => all.at(-1) },
  { origins: ["http://a"], compression: { serverNoContextTakeover: true } },
  { upgrade: "hive/1" },
  { upgrade: ["hive/1", "websocket"] },
];
const BODIES = [
  "",
  "no",
  "2\r\nno\r\n0\r\n\r\n",
  "5;a=b\r\nno",
  "zz\r\n",
  "x".repeat(5_000),
];

const NAMES = [
  "Host",
  "Upgrade",
  "Connection",
  "Sec-WebSocket-Key",
  "Sec-WebSocket-Version",
  "Sec-WebSocket-Accept",
  "Sec-WebSocket-Protocol",
  "Sec-WebSocket-Extensions",
  "Origin",
  "Content-Length",
  "Transfer-Encoding",
  "X",
  "x".repeat(300),
];
const VALUES = [
  "a.example",
  "[::1]:80",
  "websocket",
  "hive/1",
  "Upgrade",
  "keep-alive, Upgrade",
  KEY,
  acceptKey(KEY),
  "13",
  "chat",
  "chat, superchat",
  "permessage-deflate",
  "permessage-deflate; client_max_window_bits",
  "permessage-deflate; server_max_window_bits=10, permessage-deflate",
  'x; y="z\\"',
  "http://a",
  "0",
  "3",
  "chunked",
  "",
  "y".repeat(400),
];
const FIRST = {
  request: ["GET / HTTP/1.1", "GET /a?b HTTP/1.0", "POST http://a/ HTTP/1.1"],
  response: ["HTTP/1.1 101 Yes", "HTTP/1.1 404 No", "HTTP/1.0 301"],
};
const ODD = '\0\t\n\r "#%,/:;=@[\\]\x7f\x80\xa0\xff\u010a\u2028';

function pick<T>(next: Next, items: readonly T[], otherwise: T): T {
  return items[next(items.length)] ?? otherwise;
}

/** A head, most of the time a sensible one. */
function makeHead(next: Next, kind: HeadKind): string {
  const good: [string, string][] = kind === "request"
    ? [
      ["Host", "a.example"],
      ["Upgrade", pick(next, ["websocket", "websocket", "hive/1"], "")],
      ["Connection", "keep-alive, Upgrade"],
      ["Sec-WebSocket-Key", KEY],
      ["Sec-WebSocket-Version", "13"],
    ]
    : [
      ["Upgrade", "websocket"],
      ["Connection", "Upgrade"],
      ["Sec-WebSocket-Accept", acceptKey(KEY)],
    ];
  for (let i = next(4); i > 0; i--) {
    good.push([pick(next, NAMES, ""), pick(next, VALUES, "")]);
  }
  if (next(100) === 0) {
    for (let i = 0; i <= MAX_HEADERS; i++) good.push(["a", ""]);
  }
  if (next(8) === 0) good.splice(next(good.length), 1);
  const first = next(6) === 0 ? pick(next, FIRST[kind], "") : FIRST[kind][0];
  const lines = good.map(([name, value]) => `${name}: ${value}`);
  return [first, ...lines, "", ""].join("\r\n");
}

/** Changes, cuts, doubles and inserts. */
function spoil(text: string, next: Next): string {
  let spoilt = text;
  for (let i = next(4); i > 0; i--) {
    const at = next(spoilt.length + 1);
    const before = spoilt.slice(0, at);
    switch (next(5)) {
      case 0:
        spoilt = before;
        break;
      case 1:
        spoilt = before + spoilt.slice(next(at + 1));
        break;
      case 2:
        spoilt = before + spoilt.slice(at + 1 + next(20));
        break;
      case 3:
        spoilt = before + (ODD[next(ODD.length)] ?? "") + spoilt.slice(at);
        break;
      default:
        spoilt = before + String.fromCharCode(next(256)) + spoilt.slice(at + 1);
    }
  }
  return spoilt;
}

/** Reads a head out of bytes in random pieces; `undefined` when it does not end. */
function read(
  bytes: Uint8Array,
  kind: HeadKind,
  next: Next,
): string | undefined {
  const reader = new HeadReader(kind, LIMIT);
  const most = 1 + next(next(2) === 0 ? 5 : 3_000);
  for (let at = 0; at < bytes.length;) {
    const piece = bytes.slice(at, at + 1 + next(most));
    const taken = reader.push(piece);
    at += taken;
    if (at > LIMIT + 2 * MAX_EMPTY_LINES) {
      throw new Error("it keeps more than the limit");
    }
    if (!reader.done) {
      if (taken !== piece.length) throw new Error("it stopped unasked");
      continue;
    }
    const { text } = reader;
    const start = at - text.length;
    const skipped = latin1(bytes.subarray(0, start));
    const same = /^(\r\n)*$/.test(skipped) && text.endsWith("\r\n\r\n") &&
      [...text].every((unit, i) => unit.charCodeAt(0) === bytes[start + i]);
    if (!same) throw new Error("it took what is not the head's");
    return text;
  }
  return undefined;
}

/** Reads an answer with what precedes and follows it, and wants the same whole and in random pieces. */
function readAnswer(bytes: Uint8Array, next: Next): void {
  const run = (size: () => number): string => {
    const reader = new ResponseReader((status) => status === 101);
    let at = 0;
    try {
      while (at < bytes.length && !reader.done) {
        const piece = bytes.slice(at, at + size());
        const taken = reader.push(piece);
        at += taken;
        if (!reader.done && taken !== piece.length) {
          throw new Error("it stopped unasked");
        }
      }
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      return error.code;
    }
    const { status, body = "" } = reader.response ?? {};
    if (body.length > 4_096) throw new Error("it keeps too much of a body");
    return `${at} ${reader.done} ${status} ${body}`;
  };
  const whole = run(() => bytes.length);
  const pieces = run(() => 1 + next(30));
  if (whole !== pieces) throw new Error(`it read ${whole}, then ${pieces}`);
}

/** What a server would do with it. */
function serve(text: string, next: Next): boolean {
  const policy = pick(next, POLICIES, {});
  const { upgrade, key, protocol, extensions } = checkUpgradeRequest(
    parseRequestHead(text),
    policy,
  );
  const answer = createUpgradeResponse({ upgrade, key, protocol, extensions });
  if (text.includes("permessage-deflate; client_max_window_bits\r\n")) {
    // The client that offered just this must take the answer.
    const response = parseResponseHead(latin1(answer));
    checkUpgradeResponse(response, {
      ...REQUEST,
      upgrade,
      key,
      protocols: [protocol],
    });
  }
  return true;
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Text of odd characters and good ones. */
function oddText(next: Next, good: readonly string[]): string {
  return next(3) === 0
    ? spoil(pick(next, good, "a"), next)
    : pick(next, good, "a");
}

/** Writes a request of odd parts, and wants to find again exactly these. */
function write(next: Next): void {
  const odd = (): [string, string] => [
    oddText(next, ["X", "Y", "Origin"]),
    oddText(next, VALUES),
  ];
  const headers = Array.from({ length: next(3) }, odd);
  const protocols = Array.from(
    { length: next(3) },
    () => oddText(next, ["a", "b", "c"]),
  );
  const target = oddText(next, ["/", "/a?b", "http://a/"]);
  const host = oddText(next, ["a", "a.example:80", "[::1]"]);
  const bytes = createUpgradeRequest({
    host,
    target,
    key: KEY,
    protocols,
    headers,
  });
  const head = parseRequestHead(latin1(bytes));
  const expected = 5 + (protocols.length > 0 ? 1 : 0) + headers.length;
  const hosts = headers.filter(([name]) => name.toLowerCase() === "host");
  const right = [...head.headers].length === expected - hosts.length &&
    head.target === target &&
    head.headers.get("host") === (hosts[0]?.[1] ?? host) &&
    (head.headers.get("sec-websocket-protocol") ?? "") === protocols.join(", ");
  if (!right) throw new Error("it wrote something else");
}

/**
 * Feeds spoilt heads to both roles until `until` says that it is enough.
 *
 * @throws {Error} When anything but a `HandshakeError` is thrown, one that does not fit the role, or
 * one that cannot be answered; when a head is not read as it came, or written as it was asked for.
 */
export function fuzzHandshake(
  seed: number,
  until: (report: HandshakeFuzzReport) => boolean,
): HandshakeFuzzReport {
  const next = chance(seed);
  const report: HandshakeFuzzReport = {
    heads: 0,
    agreed: 0,
    written: 0,
    refused: new Map(),
  };
  const take = (run: () => void, check: (error: HandshakeError) => boolean) => {
    try {
      run();
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      if (!check(error)) {
        throw new Error("the error does not fit", { cause: error });
      }
      report.refused.set(error.code, (report.refused.get(error.code) ?? 0) + 1);
    }
  };
  while (!until(report)) {
    report.heads++;
    const kind = next(2) === 0 ? "request" : "response";
    const text = spoil(makeHead(next, kind), next) + (next(2) ? "\x81\0" : "");
    const bytes = Uint8Array.from(text, (unit) => unit.charCodeAt(0));
    take(() => {
      const head = read(bytes, kind, next);
      if (head === undefined) return;
      if (kind === "request") serve(head, next);
      else checkUpgradeResponse(parseResponseHead(head), REQUEST);
      report.agreed++;
    }, (error) => {
      const { code, status } = error;
      if (kind === "response") {
        return (status !== undefined) ===
          (code === "refused" || code === "redirected");
      }
      if (status === undefined || !STATUSES.includes(status)) return false;
      return createRefusal(error).length > 0;
    });
    if (kind === "response") {
      const interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
      const answer = interim.repeat(next(3)) + text + pick(next, BODIES, "");
      readAnswer(
        Uint8Array.from(answer, (unit) => unit.charCodeAt(0)),
        next,
      );
    }
    take(() => {
      write(next);
      report.written++;
    }, ({ status }) => status === undefined);
  }
  return report;
}
