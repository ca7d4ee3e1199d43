/** Size of the memory of messages that are lent; larger if a read is. */
const LENT_SIZE = 65_536;

/** Memory of the messages that are lent to readers, for one read at a time; `undefined` while it is in use. */
let free: ArrayBuffer | undefined;

/**
 * Copies bytes to memory that a reader may see, until {@link endLoan}. What a stream reads into may serve other
 * connections too, and would be lost to all of them if the reader transferred its buffer.
 */
export function copyToLend(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = bytes;
  // A reader may feed the stream of another connection, which then delivers messages before the first loan has ended.
  let memory = free;
  free = undefined;
  if (memory === undefined || memory.byteLength < length) {
    memory = new ArrayBuffer(Math.max(length, LENT_SIZE));
  }
  const copy = new Uint8Array(memory, 0, length);
  copy.set(bytes);
  return copy;
}

/** Takes the memory back. */
export function endLoan(copy: Uint8Array<ArrayBuffer>): void {
  free = copy.buffer;
}
