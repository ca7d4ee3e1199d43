/**
 * Conformance over real TCP, in both roles, with frames made by hand: framing, pings, reserved bits,
 * opcodes, fragmentation, UTF-8, closing, large messages and compression. `deno task suite conformance`
 *
 * Every case says what goes to an echo and exactly what must come back, the strictest
 * way: after a violation the right close code, then the end of the stream, and soon.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { createInflateRaw, deflateRawSync, type InflateRaw } from "node:zlib";
import { Connection, dialRaw, listen, type Socket } from "../../mod.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const LIMITS = { maxMessageSize: 32 << 20, maxFragments: 0 } as const;
/** Milliseconds in which everything has to be over. */
const PATIENCE = 10_000;

type Role = "client" | "server";

/** A frame as it came. */
interface Frame {
  readonly first: number;
  readonly payload: Uint8Array;
}

/** The other side, which speaks in bytes. */
class Peer {
  readonly #conn: Deno.Conn;
  readonly #masks: boolean;
  #bytes = new Uint8Array(0);

  constructor(conn: Deno.Conn, masks: boolean, early: Uint8Array<ArrayBuffer>) {
    this.#conn = conn;
    this.#masks = masks;
    this.#bytes = early;
  }

  async write(bytes: Uint8Array, step = bytes.length): Promise<void> {
    for (let from = 0; from < bytes.length; from += step) {
      const piece = bytes.subarray(from, from + step);
      try {
        for (let at = 0; at < piece.length;) {
          at += await this.#conn.write(piece.subarray(at));
        }
      } catch {
        return; // It was cut, as it should be after a violation.
      }
    }
  }

  /** The next frame, `undefined` at the end of the stream. */
  async frame(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#parse();
      if (frame !== undefined) return frame;
      const buffer = new Uint8Array(262_144);
      const count = await this.#conn.read(buffer).catch(() => null);
      if (count === null) return undefined;
      const whole = new Uint8Array(this.#bytes.length + count);
      whole.set(this.#bytes);
      whole.set(buffer.subarray(0, count), this.#bytes.length);
      this.#bytes = whole;
    }
  }

  close(): void {
    try {
      this.#conn.close();
    } catch {
      // It is closed.
    }
  }

  #parse(): Frame | undefined {
    const bytes = this.#bytes;
    const [first, second] = bytes;
    if (first === undefined || second === undefined) return undefined;
    assertEquals(second >= 0x80, !this.#masks, "masked by role");
    let length = second & 0x7f;
    let at = 2;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    if (length === 126) {
      if (bytes.length < 4) return undefined;
      length = view.getUint16(2);
      at = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return undefined;
      length = Number(view.getBigUint64(2));
      at = 10;
    }
    const key = this.#masks ? undefined : bytes.slice(at, at + 4);
    if (key !== undefined) at += 4;
    if (bytes.length < at + length) return undefined;
    const payload = bytes.slice(at, at + length);
    if (key !== undefined) {
      for (let i = 0; i < length; i++) {
        payload[i] = (payload[i] ?? 0) ^ (key[i & 3] ?? 0);
      }
    }
    this.#bytes = bytes.slice(at + length);
    return { first, payload };
  }
}

/** Encodes a frame, with the shortest length or a given number of length bytes. */
function encode(
  masked: boolean,
  first: number,
  payload: Uint8Array | string,
): Uint8Array {
  const body = typeof payload === "string" ? encoder.encode(payload) : payload;
  const bit = masked ? 0x80 : 0;
  const head = [first];
  if (body.length < 126) head.push(bit | body.length);
  else if (body.length < 65_536) {
    head.push(bit | 126, body.length >> 8, body.length & 255);
  } else {
    head.push(bit | 127, 0, 0, 0, 0);
    for (const shift of [24, 16, 8, 0]) head.push((body.length >> shift) & 255);
  }
  const key = [0x12, 0x34, 0x56, 0x78];
  if (masked) head.push(...key);
  const whole = new Uint8Array(head.length + body.length);
  whole.set(head);
  whole.set(body, head.length);
  if (masked) {
    for (let i = 0; i < body.length; i++) {
      whole[head.length + i] = (body[i] ?? 0) ^ (key[i & 3] ?? 0);
    }
  }
  return whole;
}

/** What goes out: a frame's first byte and its payload, or bytes as they are. */
type Out = readonly [first: number, payload: string | Uint8Array] | Uint8Array;
/** What must come back: frames, then a close with a code, or none. */
interface Case {
  readonly name: string;
  readonly out: readonly Out[];
  readonly back:
    readonly (readonly [first: number, payload: string | Uint8Array])[];
  /** The close code that must come; 1000 for a case that ends well. */
  readonly code?: number | undefined;
  /** Fed in steps of so many bytes; whole without it. */
  readonly step?: number;
}

const TEXT = 0x81, BINARY = 0x82, CLOSE = 0x88, PING = 0x89, PONG = 0x8a;
const bytes = (...values: number[]) => Uint8Array.from(values);
const fill = (size: number) => new Uint8Array(size).fill(0xfe);
const code = (value: number, reason = "") =>
  Uint8Array.from([value >> 8, value & 255, ...encoder.encode(reason)]);
const utf8 = "Hello-µ@ßöäüàá-UTF-8!!";
const bad = bytes(
  0xce,
  0xba,
  0xe1,
  0xbd,
  0xb9,
  0xcf,
  0x83,
  0xce,
  0xbc,
  0xce,
  0xb5,
  0xf4,
  0x90,
  0x80,
  0x80,
  0x65,
);

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
  out: readonly Out[],
  code = 1002,
  back: Case["back"] = [],
): Case {
  return { name, out, back, code };
}

const CASES: Case[] = [
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
    name: "unasked pongs count for nothing",
    out: [[PONG, ""], [PONG, "x"], [PING, "p"]],
    back: [[PONG, "p"]],
  },
  ...[undefined, 1].map((step): Case => ({
    name: `ten pings get ten pongs${step ? " byte by byte" : ""}`,
    out: Array.from({ length: 10 }, (_, i): Out => [PING, `payload-${i}`]),
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
  echo("UTF-8 with two bytes a character", TEXT, utf8),
  echo("UTF-8 byte by byte", TEXT, utf8, 1),
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
    name: "a character torn over fragments",
    out: [[0x01, encoder.encode("🐝").subarray(0, 2)], [
      0x80,
      encoder.encode("🐝").subarray(2),
    ]],
    back: [[TEXT, "🐝"]],
  },
  fails("bad UTF-8", [[TEXT, bad]], 1007),
  fails(
    "bad UTF-8 in the first fragment, no other following",
    [[0x01, bad]],
    1007,
  ),
  fails("bad UTF-8 in a frame that is not whole", [encode(false, 0, "")], 1007),
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
    [[CLOSE, Uint8Array.from([3, 232, ...bad])]],
    1007,
  ),
  {
    name: "a close with the longest reason",
    out: [[CLOSE, code(1000, "*".repeat(123))]],
    back: [],
    code: 1000,
  },
  fails("a close of 126 bytes", [[CLOSE, code(1000, "*".repeat(124))]]),
  {
    name: "data after a close",
    out: [[CLOSE, code(1000)], [TEXT, "late"], [PING, "late"]],
    back: [],
    code: 1000,
  },
  {
    name: "a close inside a message",
    out: [[0x01, "a"], [CLOSE, code(1000)], [0x80, "b"]],
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
      out: [[CLOSE, code(value)]],
      back: [],
      code: value,
    })),
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
    .map((value) => fails(`a close with ${value}`, [[CLOSE, code(value)]])),
  ...[1, 4, 16].flatMap((mib) => [
    echo(`text of ${mib} MiB`, TEXT, "*".repeat(mib << 20)),
    echo(`binary of ${mib} MiB`, BINARY, fill(mib << 20)),
  ]),
  {
    name: "1 MiB in fragments of 64 bytes",
    out: Array.from(
      { length: 16_384 },
      (_, i): Out => [i === 0 ? 0x02 : i === 16_383 ? 0x80 : 0x00, fill(64)],
    ),
    back: [[BINARY, fill(1 << 20)]],
  },
];

/** Has an echo of ours stand against a peer, in one of its roles. */
async function against(
  role: Role,
  extensions: string,
  body: (peer: Peer, masks: boolean) => Promise<void>,
): Promise<void> {
  const compression = extensions !== "" && { threshold: 0 };
  const serve = async (socket: Socket) => {
    const connection = new Connection(socket, { pingInterval: 0 });
    for await (const message of connection.incoming) {
      void connection.send(message);
    }
    await connection.closed;
  };
  if (role === "server") {
    const listener = listen({ hostname: "127.0.0.1", ...LIMITS, compression });
    const serving = (async () => {
      for await (const incoming of listener) await serve(incoming.accept());
    })();
    const port = listener.addr.transport === "tcp" ? listener.addr.port : 0;
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const offer = extensions && `Sec-WebSocket-Extensions: ${extensions}\r\n`;
    await conn.write(encoder.encode(
      `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n${offer}\r\n`,
    ));
    const { text, early } = await head(conn);
    assert(text.startsWith("HTTP/1.1 101"), text);
    assert(text.includes("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    const peer = new Peer(conn, true, early);
    await body(peer, true);
    peer.close();
    await listener.close();
    await serving;
    return;
  }
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const dialling = dialRaw(`ws://127.0.0.1:${listener.addr.port}`, {
    ...LIMITS,
    compression,
  });
  const conn = await listener.accept();
  const { text } = await head(conn);
  const key = /sec-websocket-key: (.*)\r\n/i.exec(text)?.[1] ?? "";
  const digest = await crypto.subtle.digest(
    "SHA-1",
    encoder.encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`),
  );
  const accept = btoa(String.fromCharCode(...new Uint8Array(digest)));
  const answer = extensions && `Sec-WebSocket-Extensions: ${extensions}\r\n`;
  await conn.write(encoder.encode(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${answer}\r\n`,
  ));
  const serving = serve(await dialling);
  const peer = new Peer(conn, false, new Uint8Array(0));
  await body(peer, false);
  peer.close();
  listener.close();
  await serving;
}

async function head(
  conn: Deno.Conn,
): Promise<{ text: string; early: Uint8Array<ArrayBuffer> }> {
  let text = "";
  const buffer = new Uint8Array(4_096);
  for (;;) {
    const count = await conn.read(buffer) ?? 0;
    assert(count > 0, "no head came");
    text += decoder.decode(buffer.subarray(0, count));
    if (text.endsWith("\r\n\r\n")) return { text, early: new Uint8Array(0) };
  }
}

async function expect(
  peer: Peer,
  first: number,
  payload: string | Uint8Array,
): Promise<void> {
  const frame = await peer.frame();
  assertEquals(frame?.first, first);
  const body = typeof payload === "string" ? encoder.encode(payload) : payload;
  assertEquals(frame?.payload.length, body.length);
  assert(
    frame?.payload.every((byte, i) => byte === body[i]),
    "the payload has changed",
  );
}

/** The close frame, then the end of the stream; gives its code. */
async function expectClose(peer: Peer, masks: boolean): Promise<number> {
  const frame = await peer.frame();
  assertEquals(frame?.first, CLOSE);
  const payload = frame?.payload ?? new Uint8Array(0);
  // Whoever hears a close answers it; a server then ends the stream, a client waits for that.
  if (!masks) peer.close();
  else assertEquals(await peer.frame(), undefined);
  return payload.length === 0
    ? 1005
    : (payload[0] ?? 0) << 8 | (payload[1] ?? 0);
}

for (const role of ["server", "client"] as const) {
  for (const test of CASES) {
    const steps = test.step === undefined
      ? ""
      : `, ${test.step} bytes at a time`;
    Deno.test(`${role}: ${test.name}${steps}`, async () => {
      const start = performance.now();
      await against(role, "", async (peer, masks) => {
        const parts = test.out.map((out) =>
          out instanceof Uint8Array
            ? partOfText(masks)
            : encode(masks, out[0], out[1])
        );
        const writing = peer.write(join(parts), test.step);
        for (const [first, payload] of test.back) {
          await expect(peer, first, payload);
        }
        if (test.code === undefined) {
          await writing;
          await peer.write(encode(masks, CLOSE, code(1000)));
        }
        assertEquals(await expectClose(peer, masks), test.code ?? 1000);
        await writing;
      });
      assert(performance.now() - start < PATIENCE);
    });
  }

  Deno.test(`${role}: a frame that is ${role === "server" ? "not masked" : "masked"}`, async () => {
    await against(role, "", async (peer, masks) => {
      await peer.write(encode(!masks, TEXT, "x"));
      assertEquals(await expectClose(peer, masks), 1002);
    });
  });

  for (
    const parameters of [
      "",
      "; server_no_context_takeover",
      "; client_no_context_takeover",
      "; server_no_context_takeover; client_no_context_takeover",
      "; server_max_window_bits=9",
      "; server_max_window_bits=15",
      "; client_max_window_bits=9",
    ]
  ) {
    // A client has offered client_max_window_bits, so that a server may ask for it.
    Deno.test(`${role}: permessage-deflate${parameters}`, async () => {
      await against(
        role,
        `permessage-deflate${parameters}`,
        async (peer, masks) => {
          let inflater = createInflateRaw();
          const fresh = parameters.includes(`${role}_no_context_takeover`);
          for (
            const size of [
              0,
              16,
              64,
              256,
              1_024,
              4_096,
              8_192,
              16_384,
              32_768,
              65_536,
              131_072,
            ]
          ) {
            const text = JSON.stringify({
              size,
              text: "honey ".repeat(size / 6),
            });
            const plain = encoder.encode(text);
            const packed = deflateRawSync(plain, {
              finishFlush: 2,
              windowBits: 9,
            }).subarray(0, -4);
            // In two fragments, with a ping between them.
            const half = packed.length >> 1;
            await peer.write(encode(masks, 0x41, packed.subarray(0, half)));
            await peer.write(encode(masks, PING, "p"));
            await peer.write(encode(masks, 0x80, packed.subarray(half)));
            await expect(peer, PONG, "p");
            const frame = await peer.frame();
            assertEquals(frame?.first, 0xc1, "compressed text");
            if (fresh) inflater = createInflateRaw();
            const inflated = await inflate(inflater, frame?.payload ?? EMPTY);
            assertEquals(decoder.decode(inflated), text);
          }
          await peer.write(encode(masks, 0x42 | 0x80, bytes(0xff, 0xff, 0xff)));
          assertEquals(await expectClose(peer, masks), 1007);
        },
      );
    });
  }
}

const EMPTY = new Uint8Array(0);

/** Inflates a message with the window that the ones before have left. */
function inflate(
  inflater: InflateRaw,
  packed: Uint8Array,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    const onData = (part: Uint8Array) => parts.push(part);
    inflater.on("data", onData);
    inflater.once("error", reject);
    inflater.write(join([packed, bytes(0, 0, 0xff, 0xff)]));
    inflater.flush(() => {
      inflater.off("data", onData);
      inflater.off("error", reject);
      resolve(join(parts));
    });
  });
}

/** The beginning of a text frame that announces more than comes, and is bad already. */
function partOfText(masks: boolean): Uint8Array {
  const whole = encode(
    masks,
    TEXT,
    join([bad, encoder.encode("more to come")]),
  );
  return whole.subarray(0, whole.length - 12);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(
    parts.reduce((size, part) => size + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
