/** Frames for the load, encoded once. @module */

const KEY = new Uint8Array([0x37, 0xfa, 0x21, 0x3d]);

/** A frame (RFC 6455, section 5.2), masked or not. */
export function frame(
  opcode: number,
  payload: Uint8Array,
  masked: boolean,
): Uint8Array {
  const { length } = payload;
  const head = [0x80 | opcode];
  const bit = masked ? 0x80 : 0;
  if (length < 126) head.push(bit | length);
  else if (length < 65_536) head.push(bit | 126, length >> 8, length & 0xff);
  else {
    head.push(bit | 127, 0, 0, 0, 0);
    for (const shift of [24, 16, 8, 0]) head.push((length >> shift) & 0xff);
  }
  if (masked) head.push(...KEY);
  const whole = new Uint8Array(head.length + length);
  whole.set(head);
  for (let i = 0; i < length; i++) {
    whole[head.length + i] = (payload[i] ?? 0) ^
      (masked ? KEY[i & 3] ?? 0 : 0);
  }
  return whole;
}
