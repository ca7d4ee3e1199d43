import { hex, join, utf8 } from "../../../transport/_support/bytes.ts";
import {
  BINARY,
  CLOSE,
  closeBody,
  PING,
  PONG,
  TEXT,
} from "../../../transport/_support/raw.ts";

/** A frame: its first byte and its payload. */
export type Frame = readonly [first: number, payload: string | Uint8Array];

/** What the peer sends to an echo, and exactly what it must receive. */
export interface Case {
  readonly name: string;
  readonly out: readonly Frame[];
  /** The number of bytes by which the last frame of `out` is cut short. Default: 0. */
  readonly missing?: number;
  /** The frames that must come back, before a close frame. */
  readonly back: readonly Frame[];
  /** The code of the close frame that must come back. Absent if the peer closes, with 1000. */
  readonly code?: number;
  /** The number of bytes in each write. Default: all. */
  readonly step?: number;
}

const bytes = (...values: number[]) => Uint8Array.from(values);
const fill = (size: number) => new Uint8Array(size).fill(0xfe);
const VALID = "Hello-µ@ßöäüàá-UTF-8!!";
/** UTF-8 text with a code point above U+10FFFF. */
const INVALID = hex("ceba e1bdb9 cf83 cebc ceb5 f4908080 65");

function echo(
  name: string,
  first: number,
  payload: string | Uint8Array,
  step?: number,
): Case {
  return {
    name,
    out: [[first, payload]],
    back: [[first, payload]],
    ...(step && { step }),
  };
}

function fails(
  name: string,
  out: readonly Frame[],
  code = 1002,
  back: readonly Frame[] = [],
): Case {
  return { name, out, back, code };
}

export const CASES: readonly Case[] = [
  ...[0, 125, 126, 127, 128, 65_535, 65_536].flatMap((size) => [
    echo(`text of ${size} bytes`, TEXT, "*".repeat(size)),
    echo(`binary of ${size} bytes`, BINARY, fill(size)),
  ]),
  echo("text of 65536 bytes in pieces of 997", TEXT, "*".repeat(65_536), 997),
  ...[0, 1, 125].map((size): Case => ({
    name: `a ping of ${size} bytes is answered`,
    out: [[PING, fill(size)]],
    back: [[PONG, fill(size)]],
  })),
  fails("a ping of 126 bytes", [[PING, fill(126)]]),
  {
    name: "a ping byte by byte",
    out: [[PING, fill(125)]],
    back: [[PONG, fill(125)]],
    step: 1,
  },
  {
    name: "unsolicited pongs have no effect",
    out: [[PONG, ""], [PONG, "x"], [PING, "p"]],
    back: [[PONG, "p"]],
  },
  ...[undefined, 1].map((step): Case => ({
    name: `ten pings get ten pongs${step ? " byte by byte" : ""}`,
    out: Array.from({ length: 10 }, (_, i): Frame => [PING, `payload-${i}`]),
    back: Array.from({ length: 10 }, (_, i) => [PONG, `payload-${i}`] as const),
    ...(step && { step }),
  })),
  ...[1, 2, 3, 4, 5, 6, 7].flatMap((rsv) => [
    fails(
      `RSV ${rsv} on text`,
      [[TEXT, "ok"], [TEXT | rsv << 4, "x"], [PING, ""]],
      1002,
      [[TEXT, "ok"]],
    ),
    fails(`RSV ${rsv} on a ping`, [[PING | rsv << 4, "x"]]),
  ]),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) =>
    fails(
      `opcode ${opcode}`,
      [[TEXT, "ok"], [0x80 | opcode, "x"], [PING, ""]],
      1002,
      [[TEXT, "ok"]],
    )
  ),
  fails("a ping in fragments", [[0x09, "a"], [0x80, "b"]]),
  fails("a pong in fragments", [[0x0a, "a"], [0x80, "b"]]),
  ...[undefined, 1].flatMap((step): Case[] => [
    {
      name: "text in two fragments",
      out: [[0x01, "ab"], [0x80, "cd"]],
      back: [[TEXT, "abcd"]],
      ...(step && { step }),
    },
    {
      name: "a ping between fragments",
      out: [[0x01, "ab"], [PING, "now"], [0x80, "cd"]],
      back: [[PONG, "now"], [TEXT, "abcd"]],
      ...(step && { step }),
    },
  ]),
  {
    name: "empty fragments",
    out: [[0x01, ""], [0x00, ""], [0x80, ""]],
    back: [[TEXT, ""]],
  },
  fails("a continuation of nothing", [[0x80, "x"]]),
  fails("a continuation of nothing without FIN", [[0x00, "x"]]),
  fails("a message inside a message", [[0x01, "a"], [TEXT, "b"]]),
  fails(
    "a continuation after the end",
    [[0x01, "a"], [0x80, "b"], [0x80, "c"]],
    1002,
    [[TEXT, "ab"]],
  ),
  echo("UTF-8 with two bytes a character", TEXT, VALID),
  echo("UTF-8 byte by byte", TEXT, VALID, 1),
  ...[
    "\u0000",
    "\u007f",
    "\u0080",
    "\u07ff",
    "\u0800",
    "\uffff",
    "\u{10000}",
    "\u{10ffff}",
    "\ufeffBOM",
    "\ufdd0",
    "\ud7ff\ue000",
  ]
    .map((text) => echo(`the text ${JSON.stringify(text)}`, TEXT, text)),
  {
    name: "a character divided between fragments",
    out: [[0x01, utf8("🐝").subarray(0, 2)], [
      0x80,
      utf8("🐝").subarray(2),
    ]],
    back: [[TEXT, "🐝"]],
  },
  fails("bad UTF-8", [[TEXT, INVALID]], 1007),
  fails(
    "bad UTF-8 in the first fragment, no other following",
    [[0x01, INVALID]],
    1007,
  ),
  {
    name: "bad UTF-8 in a frame that is not whole",
    out: [[TEXT, join(INVALID, utf8("more to come"))]],
    missing: 12,
    back: [],
    code: 1007,
  },
  ...[
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0xff],
    [0x80],
    [0xc3],
    [0xf4, 0x90, 0x80, 0x80],
    [0xe0, 0x80, 0x80],
    [0xf0, 0x80, 0x80, 0x80],
  ]
    .map((values) =>
      fails(`the bytes ${values.map((value) => value.toString(16))} as text`, [[
        TEXT,
        bytes(...values),
      ]], 1007)
    ),
  { name: "a close without a code", out: [[CLOSE, ""]], back: [], code: 1005 },
  fails("a close with one byte", [[CLOSE, bytes(3)]]),
  fails(
    "a close with bad UTF-8",
    [[CLOSE, join(closeBody(1000), INVALID)]],
    1007,
  ),
  {
    name: "a close with the longest reason",
    out: [[CLOSE, closeBody(1000, "*".repeat(123))]],
    back: [],
    code: 1000,
  },
  fails("a close of 126 bytes", [[CLOSE, closeBody(1000, "*".repeat(124))]]),
  {
    name: "data after a close",
    out: [[CLOSE, closeBody(1000)], [TEXT, "late"], [PING, "late"]],
    back: [],
    code: 1000,
  },
  {
    name: "a close inside a message",
    out: [[0x01, "a"], [CLOSE, closeBody(1000)], [0x80, "b"]],
    back: [],
    code: 1000,
  },
  ...[
    1000,
    1001,
    1002,
    1003,
    1007,
    1008,
    1009,
    1010,
    1011,
    1012,
    1013,
    1014,
    3000,
    3999,
    4000,
    4999,
  ]
    .map((value): Case => ({
      name: `a close with ${value}`,
      out: [[CLOSE, closeBody(value)]],
      back: [],
      code: value,
    })),
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
    .map((value) =>
      fails(`a close with ${value}`, [[CLOSE, closeBody(value)]])
    ),
  ...[1, 4, 16].flatMap((mib) => [
    echo(`text of ${mib} MiB`, TEXT, "*".repeat(mib << 20)),
    echo(`binary of ${mib} MiB`, BINARY, fill(mib << 20)),
  ]),
  {
    name: "1 MiB in fragments of 64 bytes",
    out: Array.from(
      { length: 16_384 },
      (_, i): Frame => [i === 0 ? 0x02 : i === 16_383 ? 0x80 : 0x00, fill(64)],
    ),
    back: [[BINARY, fill(1 << 20)]],
  },
];
