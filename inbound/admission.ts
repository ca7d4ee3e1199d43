import { ConfigError, PoolError } from "../transport/base/errors.ts";
import { HandshakeError } from "../transport/handshake/errors.ts";
import { refusal, upgrade } from "../transport/server/upgrade.ts";
import type { UpgradeOptions } from "../transport/server/upgrade.ts";
import type { Registrar } from "./registrar.ts";

/** Options of {@link InboundPool.upgrade}, beside those of {@link upgrade}. */
export interface PoolUpgradeOptions extends UpgradeOptions {
  /** The id of the peer. */
  readonly id: string;
  /** Whether the peer takes the place of one with the same id, as by `replace`. Otherwise it is refused. @default false */
  readonly replace?: boolean | undefined;
}

/**
 * The refusal that a pool's error stands for: 409 for an id that is taken, 503 when the pool is closed or full, 500
 * when the worker could not be made. Other errors stay as they are.
 */
export function toRefusal(error: unknown): unknown {
  if (!(error instanceof PoolError)) return error;
  const status = error.code === "peer-exists"
    ? 409
    : error.code === "pool-closed" || error.code === "pool-full"
    ? 503
    : 500;
  return new HandshakeError("refused", REASONS[status], {
    status,
    cause: error,
  });
}

/** What a peer is told. Our own affairs are none of its business. */
const REASONS: Readonly<Record<409 | 500 | 503, string>> = {
  409: "There is a peer with this name already",
  500: "Internal Server Error",
  503: "No more peers can be taken in at present",
};

/** Takes a request of `Deno.serve` into a pool: see {@link InboundPool.upgrade}. */
export function upgradeInto(
  registrar: Registrar,
  request: Request,
  { id, replace = false, ...options }: PoolUpgradeOptions,
): Response {
  if (typeof replace !== "boolean") {
    throw new ConfigError(
      "invalid-option",
      "replace",
      `Cannot upgrade as replace must be true or false: current value is ${replace}`,
    );
  }
  try {
    // Before the upgrade: once that is done, only its own response can be given.
    const admit = registrar.reserve("upgrade", id, replace);
    const { socket, response } = upgrade(request, options);
    admit(socket);
    return response;
  } catch (error) {
    if (error instanceof PoolError && error.code === "worker-failed") {
      registrar.report(error);
    }
    return refusal(toRefusal(error));
  }
}
