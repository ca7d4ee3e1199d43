/** What a sender does with memory of an unusual kind, and with a watcher of frames that sends itself. */

import { Buffer } from "node:buffer";
import { assertEquals } from "@std/assert";
import { Receiver } from "../receive/receiver.ts";
import { drain } from "../_support/sender.ts";
import { ZlibDeflater, ZlibInflater } from "../wire/deflate.ts";
import { Sender, type SenderOptions } from "./sender.ts";

const SIZES = [10, 1_000, 10_000, 200_000];
const CODEC = {
  windowBits: 15,
  level: 6,
  memLevel: 8,
  noContextTakeover: false,
  threshold: 0,
};

/** A subclass whose `subarray` and `slice` fail or return other bytes, since its constructor has other parameters. */
class Packet extends Uint8Array {
  constructor(size: number) {
    super(size);
  }
}

function noise(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}

function messagesOf(
  sender: Sender,
  options: SenderOptions,
): (string | Uint8Array)[] {
  const messages: (string | Uint8Array)[] = [];
  const receiver = new Receiver({
    message: (data) => messages.push(data) > 0,
    ping: () => {},
    pong: () => {},
    close: () => {},
  }, {
    role: options.role === "client" ? "server" : "client",
    maxMessageSize: 0,
    maxFrameSize: 0,
    maxFragments: 0,
    binary: "copy",
    inflater: options.deflater && new ZlibInflater(CODEC),
  });
  receiver.push(drain(sender));
  return messages;
}

for (const role of ["client", "server"] as const) {
  const kinds = {
    plain: (): SenderOptions => ({ role }),
    fragmented: (): SenderOptions => ({ role, fragmentSize: 4_000 }),
    compressed: (): SenderOptions => ({
      role,
      deflater: new ZlibDeflater(CODEC),
    }),
  };
  for (const [kind, make] of Object.entries(kinds)) {
    Deno.test(`${role}, ${kind}: the bytes of a subclass of Uint8Array go out as they are`, () => {
      for (const size of SIZES) {
        const options = make();
        const sender = new Sender(options);
        const bytes = noise(size);
        const packet = new Packet(size);
        packet.set(bytes);
        sender.message(packet);
        sender.lend(packet, () => {});
        sender.lend(Buffer.from(bytes), () => {});
        sender.fragment("binary", packet, true, false);
        sender.fragment("binary", packet, false, true);
        const whole = new Uint8Array(2 * size);
        whole.set(bytes);
        whole.set(bytes, size);
        assertEquals(messagesOf(sender, options), [bytes, bytes, bytes, whole]);
        options.deflater?.close();
      }
    });

    Deno.test(`${role}, ${kind}: a watcher of frames may send, also over other connections`, () => {
      for (const size of SIZES) {
        const options = make();
        const other = new Sender({ ...make(), role: "server" });
        const bytes = noise(size);
        let count = 0;
        const sender: Sender = new Sender({
          ...options,
          onFrame: () => {
            if (count++ > 0) return;
            other.message(noise(size));
            if (!sender.streaming) sender.message("in between");
          },
        });
        sender.message(bytes);
        assertEquals(messagesOf(sender, options), [bytes, "in between"]);
        options.deflater?.close();
      }
    });
  }

  Deno.test(`${role}: a watcher of frames sees those that it sends in their order, and cannot send after a close frame`, () => {
    const lengths: number[] = [];
    const options = { role, fragmentSize: 100 };
    const sender: Sender = new Sender({
      ...options,
      onFrame: ({ opcode, length }) => {
        lengths.push(length);
        if (lengths.length === 1 || opcode === 8) sender.message("abc");
      },
    });
    sender.lend(new Uint8Array(250), () => {});
    assertEquals(lengths, [100, 100, 50, 3]);
    sender.close(1000);
    assertEquals(lengths, [100, 100, 50, 3, 2]);
    assertEquals(messagesOf(sender, options), [new Uint8Array(250), "abc"]);
  });
}
