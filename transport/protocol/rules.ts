import { ProtocolError, type ProtocolErrorCode } from "./errors.ts";
import {
  MAX_CONTROL_PAYLOAD,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_CONTINUATION,
  OPCODE_PONG,
  OPCODE_TEXT,
  opcodeName,
} from "./frame.ts";

/**
 * Checks what the first two bytes of a frame tell against the rules of RFC 6455,
 * sections 5.1 to 5.5.
 *
 * @param masked Whether frames must be masked: those that a server receives.
 * @param inflating Whether permessage-deflate was negotiated, which gives RSV1 a
 * meaning in the first frame of a message (RFC 7692, section 6).
 * @param type The opcode of the message that is under way, 0 when none is.
 * @param offset Where in the stream the frame begins, for the error.
 * @throws {ProtocolError} At the first rule that is broken.
 */
export function checkFrameStart(
  first: number,
  second: number,
  masked: boolean,
  inflating: boolean,
  type: number,
  offset: number,
): void {
  const opcode = first & 0x0f;
  if ((first & 0x70) !== 0 && !areBitsAllowed(first, opcode, inflating)) {
    const bits = ["RSV1", "RSV2", "RSV3"].filter((_, i) =>
      (first & 0x40 >> i) !== 0
    );
    violate(
      "reserved-bits",
      `${bits.join(" and ")} must not be set in a ${opcodeName(opcode)} frame`,
      offset,
    );
  }
  if (opcode >= OPCODE_CLOSE) {
    checkControl(first, second, opcode, offset);
  } else if (opcode > OPCODE_BINARY) {
    violate("reserved-opcode", `opcode ${opcode} is reserved`, offset);
  } else if (opcode === OPCODE_CONTINUATION) {
    if (type === 0) {
      violate(
        "unexpected-continuation",
        "continuation frame has no message to continue",
        offset,
      );
    }
  } else if (type !== 0) {
    violate(
      "unfinished-message",
      `${opcodeName(opcode)} frame came before the ${
        opcodeName(type)
      } message was finished`,
      offset,
    );
  }
  if (second >= 0x80 !== masked) {
    violate(
      masked ? "mask-missing" : "mask-unexpected",
      masked
        ? "frame of a client must be masked"
        : "frame of a server must not be masked",
      offset + 1,
    );
  }
}

function areBitsAllowed(
  first: number,
  opcode: number,
  inflating: boolean,
): boolean {
  return inflating && (first & 0x30) === 0 &&
    (opcode === OPCODE_TEXT || opcode === OPCODE_BINARY);
}

function checkControl(
  first: number,
  second: number,
  opcode: number,
  offset: number,
): void {
  if (opcode > OPCODE_PONG) {
    violate("reserved-opcode", `opcode ${opcode} is reserved`, offset);
  }
  if (first < 0x80) {
    violate(
      "control-fragmented",
      `${opcodeName(opcode)} frame must have FIN`,
      offset,
    );
  }
  if ((second & 0x7f) > MAX_CONTROL_PAYLOAD) {
    violate(
      "control-too-long",
      `${opcodeName(opcode)} frame must not have more than 125 bytes`,
      offset + 1,
    );
  }
}

function violate(
  code: ProtocolErrorCode,
  message: string,
  offset: number,
): never {
  throw new ProtocolError(code, message, { offset });
}
