/** What the tests of the native socket share: clients of the runtime, and a server by hand. */

import { socketEnd } from "../../testing/socket_end.ts";
import type { NativeSocketOptions } from "../socket/native_options.ts";
import { NativeSocket } from "../socket/native_socket.ts";
import { listenTcp, Recorder, urlOf, WirePeer } from "./native.ts";
import type { SocketEnd } from "../socket/socket.ts";

export const bytes = (...values: number[]) => Uint8Array.from(values);

/** The end of a socket that neither side closed. */
export const LOST: SocketEnd = socketEnd({});

/** A client socket that is connecting to a peer on bare TCP. */
export async function withClient(
  body: (client: {
    readonly ws: WebSocket;
    readonly socket: NativeSocket;
    readonly listener: Deno.Listener;
  }) => Promise<void>,
  options?: NativeSocketOptions,
): Promise<void> {
  using listener = listenTcp();
  const ws = new WebSocket(urlOf(listener));
  const socket = new NativeSocket(ws, options);
  const gone = new Promise((resolve) => ws.addEventListener("close", resolve));
  await body({ ws, socket, listener });
  // The runtime's own part, which may outlive ours.
  socket.terminate();
  await gone;
}

/** A client socket that is open, read by a recorder. */
export function withOpenClient(
  body: (client: {
    readonly ws: WebSocket;
    readonly socket: NativeSocket;
    readonly peer: WirePeer;
    readonly reader: Recorder;
  }) => Promise<void>,
  options?: NativeSocketOptions,
): Promise<void> {
  return withClient(async ({ ws, socket, listener }) => {
    const opened = once(ws, "open");
    using peer = await WirePeer.accept(listener);
    await opened;
    const reader = new Recorder();
    socket.start(reader);
    await body({ ws, socket, peer, reader });
  }, options);
}

export function once(target: EventTarget, type: string): Promise<void> {
  return new Promise((resolve) =>
    target.addEventListener(type, () => resolve(), { once: true })
  );
}

/** Lets go what the runtime has for us already. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}
