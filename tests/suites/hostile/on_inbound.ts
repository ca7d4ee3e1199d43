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
import {
  type Dialers,
  DRIP,
  head,
  LONG,
  MANY,
  MIB,
  PATIENCE,
  type ServerAttack,
  text,
  UNBOUNDED,
} from "./terms.ts";
import type { Wire } from "./wire.ts";

/** Windows that RFC 7692, section 7.1.2, does not have. */
const WINDOWS = [
  "server_max_window_bits=7",
  "server_max_window_bits=16",
  "client_max_window_bits=99999999999",
  "client_max_window_bits=-1",
  "server_max_window_bits=10; server_max_window_bits=10",
  "server_max_window_bits",
];

/** Gets in, does its part, and gives how it ends. */
async function inside(
  dialers: Dialers,
  attack: (wire: Wire) => Promise<unknown>,
  { offer, tls = false }: { offer?: string; tls?: boolean } = {},
): Promise<string> {
  using wire = await (tls ? dialers.tls() : dialers.plain());
  await wire.write(
    head(...offer === undefined ? [] : [`Sec-WebSocket-Extensions: ${offer}`]),
  );
  if (await wire.answered() === 101) await attack(wire);
  return await wire.outcome(PATIENCE);
}

/** One frame behind the handshake. */
function one(wrong: HostileFrame): ServerAttack["run"] {
  return (dialers) => inside(dialers, (wire) => wire.write(frame(wrong)));
}

/** A message that never ends, in fragments with this payload. */
async function writeFragments(wire: Wire, payload: Uint8Array): Promise<void> {
  const first = frame({ opcode: TEXT, payload, fin: false });
  const next = frame({ opcode: CONTINUATION, payload, fin: false });
  await wire.write(first);
  await wire.write(repeat(next, MANY - 1));
}

/** The attacks by peers of an inbound pool, by name. */
export const ON_INBOUND: Readonly<Record<string, ServerAttack>> = {
  "frame, a byte at a time": {
    attackers: 50,
    outcome: /^close 1001$/,
    seen: /^event evicted-policy/,
    once: true,
    run: (dialers) =>
      inside(
        dialers,
        (wire) => wire.drip(frame({ opcode: TEXT, payload: text(125) }), DRIP),
      ),
  },
  "100,000 tiny fragments": {
    attackers: 4,
    outcome: /^close 1009$/,
    seen: /^event dropped-error: too-many-fragments 1009$/,
    run: (dialers) => inside(dialers, (wire) => writeFragments(wire, text(1))),
  },
  "100,000 empty fragments": {
    attackers: 4,
    outcome: /^close 1009$/,
    seen: /^event dropped-error: too-many-fragments 1009$/,
    run: (dialers) => inside(dialers, (wire) => writeFragments(wire, text(0))),
  },
  "100,000 pings": {
    attackers: 4,
    // Its own pongs stand in the queue behind its flood.
    outcome: /^close (1000|1001)$/,
    seen: /^event (disconnected|evicted-policy)/,
    rate: UNBOUNDED,
    once: true,
    run: (dialers) =>
      inside(dialers, async (wire) => {
        const ping = frame({ opcode: PING });
        wire.answerPings();
        await wire.write(repeat(ping, MANY), ping.length * 700);
        await wire.write(closing(1000));
      }),
  },
  "100,000 tiny messages": {
    attackers: 2,
    outcome: /^close 1000$/,
    seen: /^event disconnected/,
    once: true,
    run: (dialers) =>
      inside(dialers, async (wire) => {
        const message = frame({ opcode: TEXT, payload: text(1) });
        wire.answerPings();
        await wire.write(repeat(message, MANY), message.length * 600);
        await wire.write(closing(1000));
      }),
  },
  "frame without a mask": {
    attackers: 4,
    outcome: /^close 1002$/,
    seen: /^event dropped-error: mask-missing 1002$/,
    run: one({ opcode: TEXT, payload: text(5), masked: false }),
  },
  "length of 2^40": {
    attackers: 4,
    outcome: /^close 1009$/,
    seen: /^event dropped-error: message-too-large 1009$/,
    run: one({ opcode: BINARY, claimed: 2n ** 40n }),
  },
  "length of 2^63": {
    attackers: 4,
    outcome: /^close 1002$/,
    seen: /^event dropped-error: length-too-large 1002$/,
    run: one({ opcode: BINARY, claimed: 2n ** 63n }),
  },
  "message of 1 MiB, less a byte": {
    attackers: 6,
    outcome: /^close 1001$/,
    seen: /^event evicted-policy/,
    rate: 8 * MIB,
    once: true,
    run: (dialers) =>
      inside(
        dialers,
        (wire) =>
          wire.write(
            frame({ opcode: BINARY, payload: text(MIB) }).subarray(0, -1),
            65_536,
          ),
      ),
  },
  "pings, pongs never read": {
    attackers: 10,
    outcome: /^(close 1001|cut)$/,
    seen: /^event evicted-policy/,
    rate: 32 * MIB,
    once: true,
    run: async (dialers) => {
      using wire = await dialers.plain(false);
      await wire.write(head());
      const ping = frame({ opcode: PING, payload: text(125) });
      await wire.write(repeat(ping, MANY));
      wire.listen();
      return await wire.outcome(PATIENCE);
    },
  },
  "large messages, then a reset": {
    attackers: 16,
    outcome: /^gone$/,
    seen: /^event dropped-/,
    rate: 64 * MIB,
    run: async (dialers) => {
      using wire = await dialers.plain();
      await wire.write(head());
      await wire.answered();
      // It echoes them, and many are still to be sent when the connection breaks.
      const message = frame({ opcode: BINARY, payload: text(16_384) });
      await wire.write(repeat(message, 32), message.length);
      return "gone";
    },
  },
  "close, then 100,000 closes": {
    attackers: 2,
    outcome: /^(close 1000|cut)$/,
    seen: /^event disconnected/,
    run: (dialers) =>
      inside(dialers, (wire) => wire.write(repeat(closing(1000), MANY))),
  },
  "close, then 8 MiB of data": {
    attackers: 2,
    outcome: /^(close 1000|cut)$/,
    seen: /^event disconnected/,
    run: (dialers) =>
      inside(dialers, async (wire) => {
        await wire.write(closing(1000));
        await wire.write(
          repeat(
            frame({ opcode: TEXT, payload: text(100) }),
            Math.floor(8 * MIB / 106),
          ),
        );
      }),
  },
  "deflate bomb, 64 MiB in 64 KiB": {
    attackers: 40,
    outcome: /^close 1009$/,
    seen: /^event dropped-error: message-too-large 1009$/,
    once: true,
    run: (dialers) =>
      inside(dialers, (wire) => wire.write(deflateBomb(true)), {
        offer: "permessage-deflate",
      }),
  },
  "bad window bits, then compressed": {
    attackers: WINDOWS.length,
    // The offer is declined (RFC 7692, section 7.1), and RSV1 has no meaning then.
    outcome: /^close 1002$/,
    seen: /^event dropped-error: reserved-bits 1002$/,
    run: (dialers, number) =>
      inside(
        dialers,
        (wire) =>
          wire.write(frame({ opcode: TEXT, payload: text(5), rsv1: true })),
        { offer: `permessage-deflate; ${WINDOWS[number % WINDOWS.length]}` },
      ),
  },
  "TLS: 100,000 tiny fragments": {
    attackers: 4,
    outcome: /^close 1009$/,
    seen: /^event dropped-error: too-many-fragments 1009$/,
    run: (dialers) =>
      inside(dialers, (wire) => writeFragments(wire, text(1)), { tls: true }),
  },
  "TLS: frame without a mask": {
    attackers: 4,
    outcome: /^close 1002$/,
    seen: /^event dropped-error: mask-missing 1002$/,
    run: (dialers) =>
      inside(
        dialers,
        (wire) =>
          wire.write(
            frame({ opcode: TEXT, payload: text(5), masked: false }),
          ),
        { tls: true },
      ),
  },
  "FIN behind the head": {
    attackers: 4,
    outcome: /^cut$/,
    seen: /^event dropped-close: 1006/,
    run: (dialers) => inside(dialers, (wire) => wire.finish()),
  },
  "FIN inside a frame": {
    attackers: 4,
    outcome: /^cut$/,
    seen: /^event dropped-close: 1006/,
    run: (dialers) =>
      inside(dialers, async (wire) => {
        await wire.write(
          frame({ opcode: TEXT, payload: text(50) }).subarray(0, 20),
        );
        await wire.finish();
      }),
  },
  "thousands that only shake hands": {
    attackers: 500,
    full: 10_000,
    outcome: /^(close 1001|cut)$/,
    seen: /^event evicted-policy/,
    connects: 1_000,
    once: true,
    run: async (dialers) => {
      using wire = await dialers.patient();
      await wire.write(head());
      return await wire.outcome(LONG);
    },
  },
};
