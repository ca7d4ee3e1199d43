import {
  CLOSE_ABNORMAL,
  CLOSE_BAD_GATEWAY,
  CLOSE_NO_STATUS,
  CLOSE_NORMAL,
  CLOSE_PROTOCOL_ERROR,
  isSendableCloseCode,
  truncateCloseReason,
} from "../protocol/wire/close.ts";
import type { Role } from "../protocol/wire/frame.ts";
import type { CloseFrame, SocketEnd } from "./socket.ts";

/** The message of Deno's error when its idle timeout has ended a connection. */
const IDLE = "No response from ping frame.";
/** The message of Deno's error when the stream has ended without a close frame: an end with 1006, and not an error. */
const EOF = "Unexpected EOF";
/** The message of Deno's error about a close frame with a code that it does not know. */
const UNKNOWN_CODE = "Invalid close code";

/** A requested close frame. Without a code it is empty. */
interface CloseRequest {
  readonly code: number | undefined;
  readonly reason: string;
}

/** The fields of a `CloseEvent` that are used. */
export type CloseEventInit = Pick<CloseEvent, "code" | "reason" | "wasClean">;

/**
 * The close of a runtime's `WebSocket`: sends our close frame, and finds out from the runtime's events how the
 * connection ended.
 */
export class NativeClose {
  readonly #ws: WebSocket;
  readonly #role: Role;
  #request: CloseRequest | undefined;
  /** Our close frame, once the runtime has it. */
  #said: CloseFrame | undefined;
  /** Output was waiting when the runtime got our close frame, so that the frame may never go out. */
  #behindOutput = false;
  #error: Error | undefined;
  #cut = false;

  /** Begins with a WebSocket that is not closed from our side. */
  constructor(ws: WebSocket, role: Role) {
    this.#ws = ws;
    this.#role = role;
  }

  /** Whether our side has begun to close. */
  get begun(): boolean {
    return this.#request !== undefined;
  }

  /** Chooses our close frame: 1000 if the runtime cannot send the code, and at most 123 bytes of the reason. */
  begin(code: number | undefined, reason: string): void {
    this.#request ??= code === undefined
      ? { code, reason: "" }
      : { code: this.#sendable(code), reason: truncateCloseReason(reason) };
  }

  /** Passes to the runtime the close frame that {@link NativeClose.begin} chose, if the WebSocket is open. */
  send(): void {
    const ws = this.#ws;
    if (this.#request === undefined || ws.readyState !== WebSocket.OPEN) return;
    const { code, reason } = this.#request;
    this.#behindOutput = ws.bufferedAmount > 0;
    if (code === undefined) ws.close();
    else ws.close(code, reason);
    this.#said = { code: code ?? CLOSE_NO_STATUS, reason };
  }

  /** Records what went wrong. The first error counts. */
  fail(error: Error | undefined): void {
    this.#error ??= error;
  }

  /** Closes the WebSocket without waiting for the peer. */
  cut(error: Error | undefined): void {
    this.fail(error);
    this.#cut = true;
    const ws = this.#ws;
    if (ws.readyState === WebSocket.CONNECTING && this.#role === "server") {
      // The runtime ignores a close before the response was sent.
      ws.addEventListener("open", () => ws.close(), { once: true });
    }
    ws.close();
  }

  /**
   * Describes how the connection ended. Without an event nothing is known of the peer's close frame.
   *
   * @param dropped Messages that arrived and were dropped.
   */
  end(event: CloseEventInit | undefined, dropped: number): SocketEnd {
    const inactive = event !== undefined && this.#error?.message === IDLE;
    if (this.#error?.message === EOF) this.#error = undefined;
    const received = inactive ? undefined : this.#received(event);
    const local = this.#cut || this.#request !== undefined || inactive;
    return {
      code: received?.code ?? CLOSE_ABNORMAL,
      reason: received?.reason ?? "",
      clean: received !== undefined,
      initiator: local ? "local" : "peer",
      received,
      sent: this.#sent(received, inactive ? event : undefined),
      error: received === undefined ? this.#error : undefined,
      inactive,
      dropped,
    };
  }

  /** The close frame that went out, as far as that is known. `idle` is what the idle timeout sent. */
  #sent(
    received: CloseFrame | undefined,
    idle: CloseFrame | undefined,
  ): CloseFrame | undefined {
    // A peer that answers has received our close frame.
    if (received !== undefined || !this.#behindOutput) {
      if (this.#said !== undefined) return this.#said;
    }
    if (idle !== undefined) return { code: idle.code, reason: idle.reason };
    // The runtime answers a close frame with the same one (RFC 6455, section 5.5.1), and a code that it does not know
    // with 1002.
    return this.#hasUnknownCode()
      ? { code: CLOSE_PROTOCOL_ERROR, reason: "" }
      : received;
  }

  #hasUnknownCode(): boolean {
    return this.#error?.message === UNKNOWN_CODE;
  }

  /** The peer's close frame, as far as the runtime shows it. */
  #received(event: CloseEventInit | undefined): CloseFrame | undefined {
    if (event === undefined) return undefined;
    const { code, reason, wasClean } = event;
    if (!wasClean) {
      // The only code that may be sent and that Deno does not know is 1014.
      return this.#hasUnknownCode()
        ? { code: CLOSE_BAD_GATEWAY, reason: "" }
        : undefined;
    }
    const said = this.#said?.code ?? CLOSE_NO_STATUS;
    if (code !== CLOSE_NO_STATUS || said === CLOSE_NO_STATUS) {
      return { code, reason };
    }
    // Once it closes, Deno reports everything that is no valid close frame as a clean 1005: a ping, the end of the
    // stream, and a close frame with 1014. A peer's answer repeats the code (RFC 6455, section 5.5.1).
    return said === CLOSE_BAD_GATEWAY ? { code: said, reason: "" } : undefined;
  }

  #sendable(code: number): number {
    const allowed = isSendableCloseCode(code, this.#role) &&
      (this.#role === "server" || code === CLOSE_NORMAL || code >= 3000);
    return allowed ? code : CLOSE_NORMAL;
  }
}
