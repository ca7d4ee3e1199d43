import { EventEmitter } from "node:events";
import type { Server } from "node:net";
import {
  clearInterval,
  clearTimeout,
  setInterval,
  setTimeout,
} from "node:timers";
import { toError } from "../../base/errors.ts";
import { onDeno } from "../../base/runtime.ts";
import type { PeerAddress } from "../stream/address.ts";
import { isShortage } from "../stream/shortage.ts";

/** Milliseconds between two checks of a server. */
const LOOK_EVERY = 500;
/**
 * The same in a shortage, and for some checks after it, since connections that waited in the system take descriptors
 * then.
 */
const LOOK_EVERY_IN_SHORTAGE = 50;
const LOOKS_AFTER_SHORTAGE = 20;
/** The same for servers of the caller, for which a shortage cannot be noticed. */
const LOOK_EVERY_AT_CALLERS = 200;
const BACKLOG = 511;

/**
 * Reports when the process has no descriptors left, which no runtime does. Afterwards, makes the server accept again,
 * which Deno's `node:net` does not do.
 *
 * @param hostname The address or name that the server was asked to listen on.
 * @param addr The address that it listens on.
 * @param onShortage Called once for each shortage.
 * @returns A function that stops the checks.
 */
export function keepAccepting(
  server: Server,
  hostname: string,
  addr: PeerAddress,
  onShortage: (error: Error) => void,
): () => void {
  let timer: ReturnType<typeof setTimeout>;
  let wasShort = false;
  const lookIn = (milliseconds: number, fastLooks: number) => {
    timer = setTimeout(() => {
      const shortage = findShortage(addr, hostname);
      const isShort = shortage !== undefined;
      if (isShort && !wasShort) onShortage(shortage);
      wasShort = isShort;
      if (onDeno) listenAgain(server);
      if (isShort) lookIn(LOOK_EVERY_IN_SHORTAGE, LOOKS_AFTER_SHORTAGE);
      else if (fastLooks > 0) lookIn(LOOK_EVERY_IN_SHORTAGE, fastLooks - 1);
      else lookIn(LOOK_EVERY, 0);
    }, milliseconds);
    timer.unref();
  };
  if (!onDeno) void loadFiles();
  lookIn(LOOK_EVERY, 0);
  return () => clearTimeout(timer);
}

/** The servers of the caller that are kept accepting. */
const kept = new WeakSet<EventEmitter>();

/**
 * Makes the caller's server, of which `stream` is a connection, accept again after a shortage on Deno, until the server
 * is closed. Does nothing for streams without a server. Reports nothing, since a check for a shortage may need
 * permissions that the caller does not have.
 */
export function keepServerAccepting(stream: object): void {
  if (!onDeno) return;
  const server: unknown = Reflect.get(stream, "server");
  if (!(server instanceof EventEmitter) || kept.has(server)) return;
  kept.add(server);
  const timer = setInterval(() => listenAgain(server), LOOK_EVERY_AT_CALLERS);
  timer.unref();
  server.once("close", () => {
    clearInterval(timer);
    kept.delete(server);
  });
}

/** Asks the system for a descriptor. */
function findShortage(addr: PeerAddress, hostname: string): Error | undefined {
  try {
    if (onDeno) listenInVain(addr, hostname);
    else openFile();
  } catch (thrown) {
    const error = toError(thrown);
    if (isShortage(error)) return error;
  }
  return undefined;
}

/** The module that opens files. Not loaded on Deno, where it takes a tenth of the heap of a small server. */
let files: typeof import("node:fs") | undefined;

async function loadFiles(): Promise<void> {
  files ??= await import("node:fs");
}

/** Opens and closes a file that exists on every system. */
function openFile(): void {
  files?.closeSync(files.openSync(globalThis.process.execPath, "r"));
}

/**
 * Tries to listen on the address of the server. That always fails, since the address is in use, and needs no other
 * permission than the server itself.
 */
function listenInVain(addr: PeerAddress, hostname: string): void {
  const probe = addr.transport === "unix"
    ? Deno.listen({ transport: "unix", path: `${addr.path}/probe` })
    : Deno.listen({ hostname, port: addr.port });
  probe.close();
}

/** Makes a server accept again that has stopped. Has no effect on other servers. */
function listenAgain(server: object): void {
  const handle: unknown = Reflect.get(server, "_handle");
  if (typeof handle !== "object" || handle === null) return;
  const listen: unknown = Reflect.get(handle, "listen");
  if (typeof listen === "function") Reflect.apply(listen, handle, [BACKLOG]);
}
