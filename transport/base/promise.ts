/** A resolved promise, shared by all calls that need not wait. */
export const DONE: Promise<void> = Promise.resolve();

const ignore = () => {};

/**
 * Marks a promise as handled, so that a forgotten `await` does not end the process. An `await` still sees the
 * rejection.
 */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}

/** A promise that has rejected, marked as handled. */
export function rejected(error: unknown): Promise<never> {
  return handled(Promise.reject(error));
}

/** Calls `callback` when the signal aborts, or at once if it has. Returns a function that removes the listener. */
export function onAbort(
  signal: AbortSignal | undefined,
  callback: () => void,
): () => void {
  if (signal === undefined) return ignore;
  if (signal.aborted) {
    callback();
    return ignore;
  }
  signal.addEventListener("abort", callback, { once: true });
  return () => signal.removeEventListener("abort", callback);
}
