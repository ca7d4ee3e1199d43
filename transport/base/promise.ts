/** A promise that is resolved already, shared by all who have nothing to wait for. */
export const DONE: Promise<void> = Promise.resolve();

const ignore = () => {};

/** Marks a promise as handled: a forgotten `await` does not end the process; who awaits sees it. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}

/** A promise that has rejected, marked as handled. */
export function rejected(error: unknown): Promise<never> {
  return handled(Promise.reject(error));
}

/** Calls `callback` when the signal aborts, at once when it has; gives a function that ends that. */
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
