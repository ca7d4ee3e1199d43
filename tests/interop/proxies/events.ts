import { assert, assertEquals } from "@std/assert";
import { pause } from "../_support/deadline.ts";
import type { Daemon } from "../_support/daemon.ts";
import { Matrix, type RowNames } from "../_support/matrix.ts";
import type { Tally } from "../_support/tally.ts";
import { notPinged, pingedByClient, pingedByServer } from "./idle.ts";
import { Load } from "./load.ts";

/** Milliseconds of load after a reload. */
const AFTER_RELOAD = 1_000;

const TIMEOUTS = {
  "idle, client pings": pingedByClient,
  "idle, server pings": pingedByServer,
  "idle, no pings in time": notPinged,
};
const RELOADED = "reloaded under load";
const KILLED = "killed under load";

/** Makes the matrix of timeouts and restarts. */
export function eventMatrix(): Matrix {
  const columns = [...Object.keys(TIMEOUTS), RELOADED, KILLED];
  const title = "Reverse proxies: timeouts and restarts";
  return new Matrix(title, ["Proxy", "Server"], columns);
}

/** Waits for the timeout of a proxy, with and without pings. */
export async function runTimeouts(
  names: RowNames,
  origin: string,
  matrix: Matrix,
  tally: Tally,
): Promise<void> {
  await Promise.all(
    Object.entries(TIMEOUTS).map(([column, check]) =>
      tally.check(matrix, names, column, () => check(origin))
    ),
  );
}

/** Reloads and kills a proxy while an outbound pool sends and receives through it. */
export async function runRestarts(
  names: RowNames,
  origin: string,
  matrix: Matrix,
  tally: Tally,
  daemon: Daemon,
  reload: Deno.Signal,
): Promise<void> {
  await tally.check(matrix, names, RELOADED, async () => {
    await using load = new Load(origin, { proxy: false });
    await load.flows();
    daemon.signal(reload);
    await pause(AFTER_RELOAD);
    await load.flows();
    assertEquals(load.lost, 0, "Connections were lost");
    // A new connection goes through the new processes.
    await using later = new Load(origin, { proxy: false });
    await later.flows();
  });
  await tally.check(matrix, names, KILLED, () => killUnderLoad(origin, daemon));
}

/** Kills a proxy and starts it again: every peer of a pool comes back. */
export async function killUnderLoad(
  origin: string,
  daemon: Daemon,
  dial: ConstructorParameters<typeof Load>[1] = { proxy: false },
): Promise<void> {
  await using load = new Load(origin, dial);
  await load.flows();
  await daemon.kill();
  await load.isLost();
  assert(load.lost > 0, "Nobody noticed");
  await daemon.start();
  await load.flows();
}
