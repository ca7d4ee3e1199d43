/** Size of the memory; larger if a read is. */
const SIZE = 65_536;

/** Memory of the messages that are lent to readers, one read at a time. */
let lent = new Uint8Array(0);

/**
 * Copies bytes to memory that a reader may see. What the stream reads into may serve other connections too, and would be
 * lost to all of them if the reader transferred its buffer.
 */
export function lend(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  if (lent.length < length) lent = new Uint8Array(Math.max(length, SIZE));
  lent.set(bytes);
  return lent.subarray(0, length);
}
