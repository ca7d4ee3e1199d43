/** What the tests of the endpoint share: an endpoint whose input, output and time are in the test's hands. */

import { assert, assertEquals } from "@std/assert";
import { frame, join, peerOf, toHex } from "../../_support/bytes.ts";
import { Endpoint } from "../endpoint.ts";
import type { EndpointHandler, EndpointOptions } from "../endpoint_types.ts";
import { decodeHeader, type Role } from "../wire/frame.ts";

/** First bytes of frames. */
export const TEXT = 0x81, BINARY = 0x82, CLOSE = 0x88, PING = 0x89, PONG = 0x8a;

/** A close frame's body. */
export function closeBody(code: number, reason = ""): Uint8Array<ArrayBuffer> {
  return join(
    Uint8Array.of(code >> 8, code & 255),
    new TextEncoder().encode(reason),
  );
}

/** An endpoint, and what it did. */
export class Rig {
  readonly role: Role;
  readonly endpoint: Endpoint;
  /** The time, which only the test changes. */
  now = 1_000;
  /** The calls of the handler, in short form. */
  readonly events: string[] = [];
  /** Whether the handler takes more messages. */
  takes = true;
  /** Called with each message. */
  onMessage: (data: string | Uint8Array) => void = () => {};
  #output = new Uint8Array(0);

  constructor(
    role: Role,
    options: Partial<EndpointOptions> = {},
  ) {
    this.role = role;
    const handler: EndpointHandler = {
      message: (data) => {
        this.events.push(
          typeof data === "string" ? `text ${data}` : `binary ${toHex(data)}`,
        );
        this.onMessage(data);
        return this.takes;
      },
      ping: (payload) => void this.events.push(`ping ${toHex(payload)}`),
      pong: (payload) => void this.events.push(`pong ${toHex(payload)}`),
    };
    this.endpoint = new Endpoint(handler, {
      role,
      maxMessageSize: 1_000_000,
      maxFrameSize: 0,
      maxFragments: 100,
      binary: "copy",
      closeTimeout: 5_000,
      ...options,
    }, this.now);
  }

  /** The bytes of a frame of the peer. */
  frame(
    first: number,
    payload: Uint8Array | string = "",
  ): Uint8Array<ArrayBuffer> {
    return frame(peerOf(this.role), first, payload);
  }

  /** Feeds bytes. */
  bytes(...parts: readonly Uint8Array[]): void {
    this.endpoint.receive(join(...parts), this.now);
  }

  /** Feeds a frame. */
  receive(first: number, payload: Uint8Array | string = ""): void {
    this.bytes(this.frame(first, payload));
  }

  /** Writes all that waits, and returns its frames in short. */
  write(): string[] {
    for (;;) {
      const piece = this.endpoint.take();
      if (piece === undefined) break;
      assert(piece.length <= 262_144);
      this.#output = join(this.#output, piece);
      this.endpoint.written(this.now);
    }
    const frames: string[] = [];
    for (;;) {
      const header = decodeHeader(this.#output);
      if (header === undefined) break;
      const end = header.size + header.length;
      if (this.#output.length < end) break;
      assertEquals(header.masked, this.role === "client");
      const first = this.#output[0] ?? 0;
      const payload = this.#output.slice(header.size, end).map((byte, i) =>
        byte ^ (header.maskKey >>> ((i & 3) << 3))
      );
      frames.push(describe(first, payload));
      this.#output = this.#output.slice(end);
    }
    return frames;
  }

  /** Lets the time of the next deadline come. */
  deadline(): void {
    const { deadline } = this.endpoint;
    assert(deadline !== undefined, "no deadline is set");
    this.now = Math.max(this.now, deadline);
    this.endpoint.deadlineReached(this.now);
  }
}

function describe(first: number, payload: Uint8Array): string {
  const text = new TextDecoder().decode(payload);
  switch (first) {
    case TEXT:
      return `text ${text}`;
    case CLOSE:
      return payload.length === 0
        ? "close"
        : `close ${(payload[0] ?? 0) << 8 | (payload[1] ?? 0)}`;
    case PONG:
      return `pong ${text}`;
    case PING:
      return `ping ${text}`;
    default:
      return `${first.toString(16)} ${payload.length}`;
  }
}
