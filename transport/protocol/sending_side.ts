import { CLOSE_NO_STATUS, truncateCloseReason } from "./wire/close.ts";
import type { Deflater } from "./wire/compression.ts";
import type {
  Activity,
  CloseFrame,
  EndpointOptions,
  Fault,
  FrameWatcher,
} from "./endpoint_types.ts";
import { Sender } from "./send/sender.ts";

const NO_CODE: CloseFrame = { code: CLOSE_NO_STATUS, reason: "" };

type WrittenActivity = {
  -readonly [K in "wroteAt" | "writtenBytes"]: Activity[K];
};

/**
 * The sending side of an {@link Endpoint}: what waits to be written, what was written, and whether our close frame was.
 */
export class SendingSide {
  /** Encodes what is sent. */
  readonly sender: Sender;
  readonly #activity: WrittenActivity;
  /** Bytes that were taken and are being written. */
  #inFlight = 0;
  #closeFrame: CloseFrame | undefined;
  #closeWritten = false;
  #broken = false;

  /** Why messages can no longer be encoded: an error of the compressor or of the watcher of frames. */
  fault: Fault | undefined;

  /** Creates the sending side of a connection whose opening handshake is done. */
  constructor(
    options: EndpointOptions,
    activity: WrittenActivity,
  ) {
    const { deflater } = options;
    this.sender = new Sender({
      role: options.role,
      deflater: deflater && this.#guard(deflater),
      fragmentSize: options.fragmentSize,
      maskKey: options.maskKey,
    });
    this.#activity = activity;
    if (options.handshakeResponse?.length) {
      this.sender.handshakeResponse(options.handshakeResponse);
    }
  }

  /** Sets the function that gets the header of every frame. */
  watchFrames(watcher: FrameWatcher): void {
    this.sender.onFrame = (header) => {
      try {
        watcher("sent", header);
      } catch (thrown) {
        // Not thrown here, since the frame is not complete yet.
        this.fault = { thrown };
      }
    };
  }

  /** Bytes that are queued or being written. */
  get bufferedAmount(): number {
    return this.sender.bufferedAmount;
  }

  /** Our close frame, once it was written. */
  get closeFrame(): CloseFrame | undefined {
    return this.#closeWritten ? this.#closeFrame : undefined;
  }

  /** Whether our close frame was written, and with it everything. */
  get closeWritten(): boolean {
    return this.#closeWritten;
  }

  /** Whether nothing can be written any more. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Queues our close frame after everything else; 1005 and no code are a close frame without one. */
  close(code: number | undefined, reason: string): void {
    this.#closeFrame = code === undefined || code === CLOSE_NO_STATUS
      ? NO_CODE
      : { code, reason: truncateCloseReason(reason) };
    this.sender.close(code, reason);
  }

  /** Returns the next piece to write, `undefined` if there is none or one is being written. */
  take(): Uint8Array | undefined {
    if (this.#inFlight > 0 || this.#broken) return undefined;
    const piece = this.sender.take();
    // The watcher of frames may have ended the connection.
    if (this.#broken) return undefined;
    this.#inFlight = piece?.length ?? 0;
    return piece;
  }

  /** The error of the piece taken last, if its memory has changed since. */
  get pieceError(): Error | undefined {
    return this.sender.pieceError;
  }

  /** Reports that the piece taken last was written. */
  written(now: number): void {
    this.#activity.wroteAt = now;
    this.#activity.writtenBytes += this.#inFlight;
    this.#inFlight = 0;
    this.sender.release();
    if (this.#closeFrame !== undefined && this.sender.size === 0) {
      this.#closeWritten = true;
    }
  }

  /** Drops everything that waits: nothing can be written any more. */
  break(): void {
    this.#broken = true;
    this.#inFlight = 0;
    this.sender.clear();
  }

  /** Makes an error of the compressor final: after it, both sides may have different windows. */
  #guard(deflater: Deflater): Deflater {
    return {
      threshold: deflater.threshold,
      deflate: (payload, last) => {
        if (this.fault !== undefined) throw this.fault.thrown;
        try {
          return deflater.deflate(payload, last);
        } catch (thrown) {
          this.fault = { thrown };
          throw thrown;
        }
      },
      close: () => deflater.close(),
    };
  }
}
