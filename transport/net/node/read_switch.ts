import type { Duplex } from "node:stream";
import { builtin, onDeno } from "../../base/runtime.ts";

/** Starts and stops reading. A switch has no state, so all connections share three of them. */
export interface ReadSwitch {
  start(duplex: Duplex): void;
  stop(duplex: Duplex): void;
}

const BY_DUPLEX: ReadSwitch = {
  start: (duplex) => duplex.resume(),
  stop: (duplex) => duplex.pause(),
};

/** For a stream that cannot be paused: the adapter keeps what arrives during a pause. */
const NEVER_STOPS: ReadSwitch = {
  start: BY_DUPLEX.start,
  stop: BY_DUPLEX.start,
};

const BY_HANDLE: ReadSwitch = {
  start(duplex) {
    handleOf(duplex)?.readStart();
    duplex.resume();
  },
  stop(duplex) {
    duplex.pause();
    handleOf(duplex)?.readStop();
  },
};

/** Returns the switch that suits a duplex. */
export function readSwitchOf(duplex: Duplex): ReadSwitch {
  if (!onDeno || !isTls(duplex)) return BY_DUPLEX;
  return handleOf(duplex) === undefined ? NEVER_STOPS : BY_HANDLE;
}

function isTls(duplex: Duplex): boolean {
  // First what needs no module: most streams are not encrypted.
  return Reflect.get(duplex, "encrypted") === true &&
    duplex instanceof builtin("node:tls").TLSSocket;
}

/** The part of a TCP handle that starts and stops reading. */
interface ReadHandle {
  readStart(): unknown;
  readStop(): unknown;
}

/**
 * Returns the TCP handle below a TLS socket. Deno's `node:tls` decrypts and keeps whatever arrives while it is paused,
 * so only the handle can be paused.
 */
function handleOf(socket: Duplex): ReadHandle | undefined {
  const tls: unknown = Reflect.get(socket, "_handle");
  if (typeof tls !== "object" || tls === null) return undefined;
  const handle: unknown = Reflect.get(tls, "_parent");
  return isReadHandle(handle) ? handle : undefined;
}

function isReadHandle(handle: unknown): handle is ReadHandle {
  return typeof handle === "object" && handle !== null &&
    typeof Reflect.get(handle, "readStart") === "function" &&
    typeof Reflect.get(handle, "readStop") === "function";
}
