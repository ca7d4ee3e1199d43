import type { WebSocketEventMap } from "../events.ts";
import type { WebSocket } from "../websocket.ts";

/** Waits for the next event of a type. */
export function next<K extends keyof WebSocketEventMap>(
  socket: WebSocket,
  type: K,
): Promise<WebSocketEventMap[K]> {
  return new Promise((resolve) => {
    socket.addEventListener(type, resolve, { once: true });
  });
}

/** The types of the events that a socket has, as they come, each with the state that it found. */
export function recordEvents(socket: WebSocket): string[] {
  const seen: string[] = [];
  for (const type of ["open", "message", "error", "close"] as const) {
    socket.addEventListener(
      type,
      () => seen.push(`${type} ${socket.readyState}`),
    );
  }
  return seen;
}

/** Ends when the present task of the event loop and all its microtasks have. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
