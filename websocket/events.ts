/** The options of an event. Not the type of the DOM library, which Node.js does not have. */
export interface EventOptions {
  /**
   * Whether it bubbles.
   *
   * @default {false}
   */
  bubbles?: boolean;
  /**
   * Whether `preventDefault` has an effect.
   *
   * @default {false}
   */
  cancelable?: boolean;
  /**
   * Whether it crosses the borders of shadow trees.
   *
   * @default {false}
   */
  composed?: boolean;
}

/** The fields of a new {@link CloseEvent}. */
export interface CloseEventInit extends EventOptions {
  /**
   * The close code.
   *
   * @default {0}
   */
  code?: number;
  /**
   * The reason.
   *
   * @default {""}
   */
  reason?: string;
  /**
   * Whether both sides sent a close frame.
   *
   * @default {false}
   */
  wasClean?: boolean;
}

/** The end of a connection. */
export interface CloseEvent extends Event {
  /** The peer's close code; 1005 if its close frame had none, 1006 if there was no close frame. */
  readonly code: number;
  /** The peer's reason, "" without one. */
  readonly reason: string;
  /** Whether both sides sent a close frame. */
  readonly wasClean: boolean;
}

/** The fields of a new {@link ErrorEvent}. */
export interface ErrorEventInit extends EventOptions {
  /**
   * What failed, in words.
   *
   * @default {""}
   */
  message?: string;
  /**
   * What was thrown.
   *
   * @default {undefined}
   */
  error?: unknown;
}

/** The failure of a connection. */
export interface ErrorEvent extends Event {
  /** What failed, as a sentence. */
  readonly message: string;
  /** The error, a `ConnectionError` with its `code` and `cause`. */
  readonly error: unknown;
}

class OwnCloseEvent extends Event implements CloseEvent {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;

  constructor(type: string, init: CloseEventInit = {}) {
    super(type, init);
    this.code = init.code ?? 0;
    this.reason = init.reason ?? "";
    this.wasClean = init.wasClean ?? false;
  }
}

class OwnErrorEvent extends Event implements ErrorEvent {
  readonly message: string;
  readonly error: unknown;

  constructor(type: string, init: ErrorEventInit = {}) {
    super(type, init);
    this.message = init.message ?? "";
    this.error = init.error;
  }
}

/** The runtime's `CloseEvent`, or a class of this module if it has none (Node.js 22). */
export const CloseEvent: {
  new (type: string, init?: CloseEventInit): CloseEvent;
  readonly prototype: CloseEvent;
} = Reflect.get(globalThis, "CloseEvent") ?? OwnCloseEvent;

/** The runtime's `ErrorEvent`, or a class of this module if it has none (Node.js 22). */
export const ErrorEvent: {
  new (type: string, init?: ErrorEventInit): ErrorEvent;
  readonly prototype: ErrorEvent;
} = Reflect.get(globalThis, "ErrorEvent") ?? OwnErrorEvent;

/** The events of a `WebSocket`. */
export interface WebSocketEventMap {
  /** The connection is open. */
  open: Event;
  /** A message has come: `data` is a string, a `Blob` or an `ArrayBuffer`. */
  message: MessageEvent;
  /** The connection could not be made, or ended without a closing handshake. A `close` event follows. */
  error: ErrorEvent;
  /** The connection has ended. The last event. */
  close: CloseEvent;
}

/** A function or an object that takes events. */
export type Listener<E> = ((event: E) => unknown) | {
  handleEvent(event: E): unknown;
};

/** How a listener is added. */
export interface ListenerOptions {
  /**
   * Whether it is called in the capturing phase.
   *
   * @default {false}
   */
  capture?: boolean;
  /**
   * Whether it is removed after its first call.
   *
   * @default {false}
   */
  once?: boolean;
  /**
   * Whether it promises not to call `preventDefault`.
   *
   * @default {false}
   */
  passive?: boolean;
  /**
   * Removes it when it aborts.
   *
   * @default {none}
   */
  signal?: AbortSignal;
}
