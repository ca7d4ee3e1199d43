/**
 * Fails a run of the tests when the process warns of something that no test expects: an error in a task of a schedule,
 * a fault of a clock, too many listeners. A test that expects warnings has a listener of its own.
 *
 * @module
 */

import process from "node:process";

/** The listener of the runtime, which prints warnings, and the one below. */
const listeners = process.listenerCount("warning") + 1;

process.on("warning", (warning) => {
  if (process.listenerCount("warning") === listeners) throw warning;
});
