// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * The library on whatever runtime runs this program. Must end without a call of exit.
 *
 * @module
 */

import process from "node:process";
import type { Checks } from "./echo.ts";
import { exchangeChecks } from "./exchanges.ts";
import { handshakeChecks } from "./handshake.ts";
import { poolChecks } from "./pools.ts";
import { refusalChecks } from "./refusals.ts";
import { webSocketChecks } from "./websocket_class.ts";

/** Milliseconds within which each check has to end. */
const LIMIT = 10_000;
const CHECKS: Checks = {
  ...exchangeChecks,
  ...poolChecks,
  ...webSocketChecks,
  ...refusalChecks,
  ...handshakeChecks,
};

let failed = 0;
for (
  const [name, check] of Object.entries(CHECKS)
) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("took too long")), LIMIT);
  });
  try {
    await Promise.race([check(), late]);
    console.log(`${name} ... ok`);
  } catch (error) {
    failed++;
    console.log(`${name} ... FAILED`, error);
  }
  clearTimeout(timer);
}
process.exitCode = failed > 0 ? 1 : 0;
