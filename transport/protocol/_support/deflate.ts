/** What the tests of the compressors share. */

import { ZlibDeflater, ZlibInflater } from "../wire/deflate.ts";
import type { CodecOptions } from "../wire/compression.ts";
import { chance, hex, join, utf8 } from "../../_support/bytes.ts";

export const SEED = Number(new Date()) >>> 0;
export const Z_SYNC_FLUSH = 2;
export const TAIL = hex("00 00 ff ff");
export const MiB = 1 << 20;
export const NO_LIMIT = Infinity;

export const OPTIONS: CodecOptions = {
  windowBits: 15,
  noContextTakeover: false,
  level: 6,
  memLevel: 8,
  threshold: 0,
};

export type Step = () => number;
export const STEPS: Readonly<Record<string, () => Step>> = {
  whole: () => () => Infinity,
  "byte by byte": () => () => 1,
  "at random": () => {
    const next = chance(SEED);
    return () => next(8);
  },
};

/** Inflates a message in pieces; a piece may be empty. */
export function inflate(
  inflater: ZlibInflater,
  bytes: Uint8Array,
  step: Step = () => Infinity,
): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  do {
    const piece = bytes.slice(at, at + step());
    at += piece.length;
    parts.push(inflater.inflate(piece, at === bytes.length, NO_LIMIT).slice());
  } while (at < bytes.length);
  return join(...parts);
}

/** Runs a test with coders that are closed at its end. */
export function withCoders(
  options: Partial<CodecOptions>,
  run: (deflater: ZlibDeflater, inflater: ZlibInflater) => void,
): void {
  const deflater = new ZlibDeflater({ ...OPTIONS, ...options });
  const inflater = new ZlibInflater({ ...OPTIONS, ...options });
  try {
    run(deflater, inflater);
  } finally {
    deflater.close();
    inflater.close();
  }
}

/** Bytes that do not compress. */
export function noise(size: number): Uint8Array<ArrayBuffer> {
  const next = chance(SEED);
  return Uint8Array.from({ length: size }, () => next(256));
}

/** Text that compresses about as well as JSON does. */
export function prose(size: number): Uint8Array<ArrayBuffer> {
  const next = chance(SEED);
  let text = "";
  while (text.length < size) text += `{"id":${next(1e6)},"name":"bee"},`;
  return utf8(text.slice(0, size));
}
