import { Buffer } from "node:buffer";
import { isBytes, type Message } from "../transport/base/message.ts";
import {
  checkFields,
  checkFunction,
  checkMethods,
  type OptionNames,
  refuseArgument,
} from "../transport/base/options.ts";
import {
  CLOSE_NO_STATUS,
  isValidCloseCode,
  MAX_CLOSE_REASON,
} from "../transport/protocol/wire/close.ts";
import type { SocketEnd } from "../transport/socket/socket.ts";
import type {
  MockSocketBehaviour,
  MockSocketOptions,
} from "./mock_socket_options.ts";

const OPTIONS: OptionNames<MockSocketOptions> = {
  url: true,
  protocol: true,
  extensions: true,
  remoteAddr: true,
  controlFrames: true,
  flowControl: true,
  buffering: true,
  clock: true,
  behaviour: true,
};

const BEHAVIOUR: OptionNames<MockSocketBehaviour> = {
  start: true,
  resume: true,
  write: true,
  writeFragment: true,
  ping: true,
  close: true,
  terminate: true,
};

const END: OptionNames<SocketEnd> = {
  code: true,
  reason: true,
  clean: true,
  initiator: true,
  received: true,
  sent: true,
  error: true,
  dropped: true,
  inactive: true,
};

/**
 * Refuses options of a `MockSocket` that it cannot use.
 *
 * @throws {ConfigError} `unknown-option`, `invalid-option`.
 */
export function checkMockOptions(options: MockSocketOptions): void {
  checkFields("", OPTIONS, options);
  checkMethods("clock", options.clock, ["now", "date", "timer"]);
  checkFields("behaviour.", BEHAVIOUR, options.behaviour);
  for (const [name, value] of Object.entries(options.behaviour ?? {})) {
    checkFunction(`behaviour.${name}`, value);
  }
}

/**
 * Refuses what a peer cannot send as a message, such as an object that is not JSON yet.
 *
 * @throws {ConfigError} `invalid-argument`.
 */
export function checkReceived(data: unknown): asserts data is Message {
  if (typeof data === "string" || isBytes(data)) return;
  throw refuseArgument("receive", "data", "a string or a Uint8Array", data);
}

/**
 * Refuses what is not the payload of a ping or pong.
 *
 * @throws {ConfigError} `invalid-argument`.
 */
export function checkPayload(payload: unknown): void {
  if (isBytes(payload)) return;
  throw refuseArgument("receive", "payload", "a Uint8Array", payload);
}

/**
 * Refuses what cannot be in a close frame.
 *
 * @throws {ConfigError} `invalid-argument`.
 */
export function checkReceivedClose(code: unknown, reason: unknown): void {
  const isCode = typeof code === "number" &&
    (code === CLOSE_NO_STATUS || isValidCloseCode(code));
  if (!isCode) {
    throw refuseArgument(
      "receive a close frame",
      "code",
      "one that a peer may send, or 1005 for none (a peer that leaves without a close frame is end())",
      code,
    );
  }
  const fits = typeof reason === "string" &&
    Buffer.byteLength(reason) <=
      (code === CLOSE_NO_STATUS ? 0 : MAX_CLOSE_REASON);
  if (!fits) {
    throw refuseArgument(
      "receive a close frame",
      "reason",
      `a string of at most ${MAX_CLOSE_REASON} bytes, and empty without a code`,
      reason,
    );
  }
}

/**
 * Refuses a number of bytes that is none.
 *
 * @throws {ConfigError} `invalid-argument`.
 */
export function checkLeft(left: unknown): void {
  if (typeof left === "number" && left >= 0) return;
  throw refuseArgument("drain", "left", "a number from 0", left);
}

/**
 * Refuses fields that an end does not have.
 *
 * @throws {ConfigError} `unknown-option`, `invalid-option`.
 */
export function checkEnd(end: Partial<SocketEnd>): void {
  checkFields<Partial<SocketEnd>>("", END, end);
}
