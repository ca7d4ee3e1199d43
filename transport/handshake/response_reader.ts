import { HandshakeError } from "./errors.ts";
import { BodyReader } from "./body_reader.ts";
import { parseResponseHead, type ResponseHead } from "./head.ts";
import { HeadReader } from "./head_reader.ts";

/** The maximum number of interim responses before the final one. */
export const MAX_INTERIM_RESPONSES = 16;

/** A response, with the start of its body if it refuses. */
export interface HttpResponse extends ResponseHead {
  /** The start of the body, at most 4 KiB, decoded as UTF-8. Absent if it was not read or is compressed. */
  readonly body?: string | undefined;
}

/**
 * Reads the response to a request that takes over the stream: an upgrade or a `CONNECT`.
 *
 * - Interim responses (100, 102, 103 and other 1xx except 101) are skipped (RFC 9110, section 15.2), at most
 *   {@link MAX_INTERIM_RESPONSES}.
 * - Of a response that grants the request, only the head is taken: what follows belongs to the other protocol.
 * - Of any other response, up to 4 KiB of the body are taken too.
 */
export class ResponseReader {
  readonly #grants: (status: number) => boolean;
  #head = new HeadReader("response");
  #interim = 0;
  #response: ResponseHead | undefined;
  #body: BodyReader | undefined;

  /** Reads a response. `grants` returns whether a status gives the stream to the client. */
  constructor(grants: (status: number) => boolean) {
    this.#grants = grants;
  }

  /** Whether the response is complete: its head, and as much of its body as is kept. */
  get done(): boolean {
    return this.#response !== undefined && (this.#body?.done ?? true);
  }

  /** The response so far, `undefined` until its head is complete. */
  get response(): HttpResponse | undefined {
    return this.#response && { ...this.#response, body: this.#body?.text };
  }

  /**
   * Takes bytes up to the end of the response.
   *
   * @returns How many bytes it took: fewer than all only once it is done.
   * @throws {HandshakeError} `bad-response`, `bad-header` or `head-too-large`, without a status.
   */
  push(bytes: Uint8Array): number {
    let taken = 0;
    while (taken < bytes.length && this.#response === undefined) {
      taken += this.#head.push(bytes.subarray(taken));
      if (this.#head.done) this.#onHead(parseResponseHead(this.#head.text));
    }
    if (this.#body !== undefined) {
      taken += this.#body.push(bytes.subarray(taken));
    }
    return taken;
  }

  #onHead(head: ResponseHead): void {
    if (head.status >= 200 || head.status === 101) {
      this.#response = head;
      if (!this.#grants(head.status)) this.#body = new BodyReader(head);
      return;
    }
    if (this.#interim++ === MAX_INTERIM_RESPONSES) {
      throw new HandshakeError(
        "bad-response",
        `Cannot read the response: more than the maximum of ${MAX_INTERIM_RESPONSES} interim responses arrived.`,
      );
    }
    this.#head = new HeadReader("response");
  }
}
