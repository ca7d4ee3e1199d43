import { LogCapture } from "../../testing/mod.ts";
import type { Logger } from "../base/logging.ts";

/** A logger that calls `act` at the first record with this message. */
export function loggerThat(message: string, act: () => void): Logger {
  let done = false;
  const take = (text: string) => {
    if (done || text !== message) return;
    done = true;
    act();
  };
  return Object.assign(new LogCapture(), { debug: take, info: take });
}
