/** The fuzzer of the receiver: bytes that nobody should send, and what must hold nevertheless. */

import { ZlibInflater } from "../wire/deflate.ts";
import { ProtocolError } from "../wire/errors.ts";
import { type BinaryMode, Receiver } from "../receive/receiver.ts";
import { chance, frame, join, peerOf, utf8 } from "../../_support/bytes.ts";

/** What a run of the fuzzer has done. */
export interface FuzzReport {
  /** How many streams were fed. */
  streams: number;
  /** How many frames they were made of, before they were spoiled. */
  frames: number;
  /** How many messages came out. */
  messages: number;
  /** How many violations were found, by code. */
  violations: Map<string, number>;
}

const SCRAPS = [
  utf8("plain"),
  utf8("é€😀"),
  Uint8Array.of(0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00),
  Uint8Array.of(0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00),
  Uint8Array.of(0xf4, 0x90),
  Uint8Array.of(0x03, 0xe8),
  Uint8Array.of(0xed, 0xa0, 0x80),
  new Uint8Array(0),
];

/** A stream of frames, most of them sensible. */
function makeStream(
  next: (limit: number) => number,
  from: "client" | "server",
  inflating: boolean,
  report: FuzzReport,
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  let open = false;
  for (let i = next(12); i >= 0; i--) {
    report.frames++;
    const scrap = SCRAPS[next(SCRAPS.length)] ?? new Uint8Array(0);
    const size = next(9) === 0 ? next(1700) : next(150);
    const payload = next(2) === 0 ? scrap : Uint8Array.from(
      { length: size },
      () => next(2) === 0 ? 0x61 : next(256),
    );
    let first = next(40) === 0 ? next(256) : 0;
    if (first === 0) {
      const kind = next(10);
      const fin = next(3) === 0;
      if (kind < 2) {
        first = 0x89 + kind;
      } else if (kind === 2 && next(6) === 0) {
        first = 0x88;
      } else {
        const compressed = inflating && !open && next(3) === 0 ? 0x40 : 0;
        first = (fin ? 0x80 : 0) | (open ? 0 : 1 + next(2)) | compressed;
        open = !fin;
      }
    }
    parts.push(frame(next(60) === 0 ? peerOf(from) : from, first, payload));
  }
  return join(...parts);
}

/** Flips, cuts, repeats and makes up bytes. */
function spoil(
  bytes: Uint8Array<ArrayBuffer>,
  next: (limit: number) => number,
): Uint8Array<ArrayBuffer> {
  switch (next(6)) {
    case 0:
      return bytes;
    case 1:
      return bytes.slice(0, next(bytes.length + 1));
    case 2:
      return Uint8Array.from({ length: next(300) }, () => next(256));
    case 3: {
      const at = next(bytes.length + 1);
      return join(bytes.subarray(0, at), bytes.subarray(next(at + 1)));
    }
    default:
      for (let i = next(3); i >= 0; i--) {
        const at = next(bytes.length);
        bytes[at] = (bytes[at] ?? 0) ^ 1 << next(8);
      }
      return bytes;
  }
}

const MODES: readonly BinaryMode[] = ["view", "copy", "borrow"];
const MAX_MESSAGE = 2000;
const CODEC = { windowBits: 15, level: 1, memLevel: 8, threshold: 0 };

/**
 * Feeds spoiled streams to receivers until `until` says that it is enough.
 *
 * @throws {Error} When a receiver throws anything but a `ProtocolError`, takes more or
 * less than it may, hands on more than the limits allow, or does not come to an end.
 */
export function fuzzReceiver(
  seed: number,
  until: (report: FuzzReport) => boolean,
): FuzzReport {
  const next = chance(seed);
  const report: FuzzReport = {
    streams: 0,
    frames: 0,
    messages: 0,
    violations: new Map(),
  };
  while (!until(report)) {
    report.streams++;
    const role = next(2) === 0 ? "client" : "server";
    const inflating = next(2) === 0;
    const from = peerOf(role);
    const bytes = spoil(makeStream(next, from, inflating, report), next);
    const stops = next(4) === 0;
    let tooMuch = 0;
    const count = (payload: Uint8Array) => {
      if (payload.length > 125) tooMuch++;
    };
    const inflater = inflating
      ? new ZlibInflater({ ...CODEC, noContextTakeover: next(2) === 0 })
      : undefined;
    const receiver = new Receiver({
      message(data) {
        report.messages++;
        const size = typeof data === "string" ? utf8(data).length : data.length;
        if (size > MAX_MESSAGE) tooMuch++;
        return !stops || next(2) === 0;
      },
      ping: count,
      pong: count,
      close: () => {},
    }, {
      role,
      maxMessageSize: MAX_MESSAGE,
      maxFrameSize: 1500,
      maxFragments: 6,
      binary: MODES[next(3)] ?? "view",
      inflater,
    });
    try {
      run(receiver, bytes, next, stops);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const times = report.violations.get(error.code) ?? 0;
      report.violations.set(error.code, times + 1);
      const { offset = -1 } = error;
      if (offset < 0 || offset > bytes.length) {
        throw new Error(`offset ${offset} of ${bytes.length}`, {
          cause: error,
        });
      }
    } finally {
      inflater?.close();
    }
    if (tooMuch > 0) throw new Error("more was handed on than is allowed");
  }
  return report;
}

function run(
  receiver: Receiver,
  bytes: Uint8Array,
  next: (limit: number) => number,
  stops: boolean,
): void {
  const most = 1 + next(next(2) === 0 ? 4 : 4000);
  let at = 0;
  let idle = 0;
  while (at < bytes.length) {
    const piece = bytes.slice(at, at + 1 + next(most));
    const consumed = receiver.push(piece);
    if (consumed < 0 || consumed > piece.length) {
      throw new Error(`consumed ${consumed} of ${piece.length}`);
    }
    if (consumed < piece.length && !stops && receiver.state === "open") {
      throw new Error("stopped unasked");
    }
    idle = consumed === 0 ? idle + 1 : 0;
    if (idle > 1) throw new Error("does not go on");
    if (receiver.target() !== undefined) {
      throw new Error("has space for more than the limit");
    }
    at += consumed;
  }
}
