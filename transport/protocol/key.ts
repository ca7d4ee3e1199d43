/** How many keys are drawn at a time: one call of the generator costs as much as many keys. */
const POOL_SIZE = 1024;

const pool = new Int32Array(POOL_SIZE);
let next = POOL_SIZE;

/** A masking key from a strong source of chance, as RFC 6455, section 5.3 demands. */
export function randomMaskKey(): number {
  if (next === POOL_SIZE) {
    crypto.getRandomValues(pool);
    next = 0;
  }
  return pool[next++] ?? 0;
}
