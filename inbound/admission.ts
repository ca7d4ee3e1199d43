import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { PoolError } from "../transport/base/errors.ts";
import { checkBoolean, type OptionNames } from "../transport/base/options.ts";
import { HandshakeError } from "../transport/handshake/errors.ts";
import {
  ACCEPT_NAMES,
  type AcceptOptions,
} from "../transport/server/accept_options.ts";
import {
  prepareUpgrade,
  refusal,
  UPGRADE_NAMES,
} from "../transport/server/upgrade.ts";
import type { UpgradeOptions } from "../transport/server/upgrade.ts";
import { upgradeNodeIf } from "../transport/server/upgrade_node.ts";
import { checkId } from "../transport/pool/options.ts";
import type { Socket } from "../transport/socket/socket.ts";
import type { Registrar } from "./registrar.ts";

/** Options of {@link InboundPool.upgradeNode}, in addition to those of {@link upgradeNode}. */
export interface PoolUpgradeNodeOptions extends AcceptOptions {
  /** The id of the peer. */
  readonly id: string;
  /**
   * Whether the peer replaces the peer with the same id. Otherwise it is refused with status 409.
   *
   * @default {false}
   */
  readonly replace?: boolean | undefined;
}

/** Options of {@link InboundPool.upgrade}, in addition to those of {@link upgrade}. */
export interface PoolUpgradeOptions extends UpgradeOptions {
  /** The id of the peer. */
  readonly id: string;
  /**
   * Whether the peer replaces the peer with the same id. Otherwise it is refused with status 409.
   *
   * @default {false}
   */
  readonly replace?: boolean | undefined;
}

const POOL_UPGRADE_NODE_NAMES: OptionNames<PoolUpgradeNodeOptions> = {
  id: true,
  replace: true,
  ...ACCEPT_NAMES,
};
const POOL_UPGRADE_NAMES: OptionNames<PoolUpgradeOptions> = {
  id: true,
  replace: true,
  ...UPGRADE_NAMES,
};

/**
 * The refusal for an error of a pool: 409 for an id that is in use, 503 when the pool is closed or full, 500
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

/** Accepts a request of `node:http` and adds the peer to a pool: see {@link InboundPool.upgradeNode}. */
export function upgradeNodeInto(
  registrar: Registrar,
  [request, socket, head]: [IncomingMessage, Duplex, Uint8Array],
  options: PoolUpgradeNodeOptions,
): boolean {
  // In JavaScript, the options may be missing.
  const { id, replace, ...accept }: Partial<PoolUpgradeNodeOptions> = options ??
    {};
  let admit = (_: Socket) => {};
  // Called once the request has been checked. If this throws, the peer gets a response.
  const reserve = () => {
    checkId("id", id);
    checkBoolean("replace", replace);
    admit = reserveFor(registrar, id, replace);
  };
  try {
    const accepted = upgradeNodeIf(
      request,
      socket,
      head,
      accept,
      reserve,
      POOL_UPGRADE_NODE_NAMES,
    );
    admit(accepted);
    return true;
  } catch (error) {
    if (error instanceof HandshakeError) return false;
    throw error;
  }
}

/** The messages for peers. They do not describe what went wrong on our side. */
export const REASONS: Readonly<Record<409 | 500 | 503, string>> = {
  409: "Cannot accept the peer: a peer with this id is connected already.",
  500: "Cannot accept the peer: the server has an internal error.",
  503: "Cannot accept the peer: no more peers are accepted at present.",
};

/** Accepts a request of `Deno.serve` and adds the peer to a pool: see {@link InboundPool.upgrade}. */
export function upgradeInto(
  registrar: Registrar,
  request: Request,
  options: PoolUpgradeOptions,
): Response {
  // In JavaScript, the options may be missing.
  const { id, replace, ...own }: Partial<PoolUpgradeOptions> = options ?? {};
  checkId("id", id);
  checkBoolean("replace", replace);
  try {
    const complete = prepareUpgrade(request, own, POOL_UPGRADE_NAMES);
    // Before the upgrade, after which only the response of the upgrade can be returned.
    const admit = reserveFor(registrar, id, replace);
    const { socket, response } = complete();
    admit(socket);
    return response;
  } catch (error) {
    return refusal(error);
  }
}

/**
 * Reserves the id of a peer, and reports a worker that could not be made.
 *
 * @throws {HandshakeError} With the status for the peer.
 * @throws {ConfigError} If the id cannot be used.
 */
function reserveFor(
  registrar: Registrar,
  id: string,
  replace = false,
): (socket: Socket) => void {
  try {
    return registrar.reserve("upgrade", id, replace);
  } catch (error) {
    // The response to the peer does not describe this error.
    if (error instanceof PoolError && error.code === "worker-failed") {
      registrar.report(error);
    }
    throw toRefusal(error);
  }
}
