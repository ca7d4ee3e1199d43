/**
 * UTF-8 as RFC 6455, section 8.1 requires it: an invalid byte is found as soon as it arrives.
 *
 * @module
 */

import { isUtf8 } from "node:buffer";

// A byte order mark is a part of the text: removing it would change the message.
const loose = new TextDecoder("utf-8", { ignoreBOM: true });

/** Below this many bytes the automaton is faster than a call of `isUtf8`. */
const SHORT = 24;

/**
 * Decodes whole UTF-8. Returns `undefined` if the bytes are not UTF-8.
 *
 * @throws {RangeError} or `TypeError` when the text is longer than a string can be.
 */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  // The tolerant decoder is several times faster than a strict one. It replaces invalid bytes by U+FFFD, so only a text
  // with that character has to be checked.
  const text = loose.decode(bytes);
  if (!text.includes("\ufffd")) return text;
  return isUtf8(bytes) ? text : undefined;
}

/** Decodes bytes that are known to be UTF-8. */
export function decodeValidUtf8(bytes: Uint8Array): string {
  return loose.decode(bytes);
}

/** Decodes a few bytes that are known to be ASCII. */
export function decodeAscii(
  bytes: Uint8Array,
  start: number,
  end: number,
): string {
  let text = "";
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i] ?? 0);
  return text;
}

/**
 * Looks for the first byte that is not valid UTF-8 at its position.
 *
 * A character that is cut off at `end` is valid as long as further bytes could complete it. `start` must be the start
 * of a character.
 *
 * @returns The position of the byte, or -1.
 */
export function findInvalidUtf8(
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let i = start;
  while (i < end) {
    const lead = bytes[i] ?? 0;
    if (lead < 0x80) {
      i++;
      continue;
    }
    // The range of the second byte excludes overlong forms, surrogates, and characters above U+10FFFF (Unicode, table
    // 3-7).
    const size = sequenceSize(lead);
    if (size === 0) return i;
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    const stop = Math.min(i + size, end);
    for (let j = i + 1; j < stop; j++) {
      const byte = bytes[j] ?? 0;
      if (j === i + 1 ? byte < low || byte > high : (byte & 0xc0) !== 0x80) {
        return j;
      }
    }
    i += size;
  }
  return -1;
}

/**
 * Returns the end of the last complete character. The bytes after it are the beginning of another character, or are not
 * UTF-8 at all.
 */
export function endOfWholeUtf8(
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const least = Math.max(start, end - 3);
  for (let i = end - 1; i >= least; i--) {
    const byte = bytes[i] ?? 0;
    if (byte < 0x80) return end;
    if (byte >= 0xc0) return i + sequenceSize(byte) > end ? i : end;
  }
  return end;
}

/** Whether all characters from `start` up to `end` are whole and UTF-8. */
export function isWholeUtf8(
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  if (end - start >= SHORT) return isUtf8(bytes.subarray(start, end));
  return endOfWholeUtf8(bytes, start, end) === end &&
    findInvalidUtf8(bytes, start, end) === -1;
}

/** Returns the size of a character of several bytes that begins with `lead`, in bytes; 0 if none does. */
function sequenceSize(lead: number): number {
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}
