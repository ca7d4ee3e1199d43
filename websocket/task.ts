import { setImmediate } from "node:timers";

/**
 * Runs a callback as a task of the event loop: all microtasks of the task before have ended by then, as between
 * the events of a browser.
 *
 * @returns A promise that resolves when the callback has returned or thrown.
 */
export function runTask(callback: () => void): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => {
      // If the callback throws, the runtime reports it, and what follows goes on.
      try {
        callback();
      } finally {
        resolve();
      }
    });
  });
}
