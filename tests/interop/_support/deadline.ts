/** Milliseconds that a step may take on a busy machine before it counts as failed. */
export const PATIENCE = 15_000;

/** Waits for a promise, and throws if it takes longer than `milliseconds`. */
export async function within<T>(
  what: string,
  promise: Promise<T>,
  milliseconds = PATIENCE,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`${what} took longer than ${milliseconds} ms`)),
    milliseconds,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for some milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Calls `check` until it returns `true`, and throws if that takes too long. */
export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
  milliseconds = PATIENCE,
): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!await check()) {
    if (performance.now() > end) {
      throw new Error(`${what} took longer than ${milliseconds} ms`);
    }
    await pause(20);
  }
}
