/**
 * The states of an {@link Endpoint} and the moves between them.
 *
 * Rows are inputs, columns are states; a cell says what the endpoint does and, after an arrow, its next state. "-"
 * means that the input changes nothing; "!" that it cannot occur, since bytes are ignored there.
 *
 * | input | `open` | `closing` | `peer-closing` | `finishing` | `failing` | `draining` | `ended` |
 * |---|---|---|---|---|---|---|---|
 * | message | delivered; may pause reading | delivered while the handler takes more, else dropped and counted | - | - | - | as in `open` | - |
 * | ping | answered with a pong | - | - | - | - | shown, not answered | - |
 * | pong | shown | - | - | - | - | shown | - |
 * | close frame | -> `peer-closing` | -> `finishing`; writing side broken: -> `ended` | - | - | - | -> `ended` | - |
 * | violation | close frame queued -> `failing` (1) | -> `ended` | ! | ! | ! | -> `ended` | ! |
 * | end of stream | -> `ended` (2) | -> `ended` | noted | written: -> `ended`, else noted | as `finishing` | -> `ended` (2) | - |
 * | stream error | -> `ended`, while bytes wait -> `draining` (2) | -> `ended` | -> `ended` | -> `ended` | -> `ended` | -> `ended` (2) | - |
 * | write error | -> `draining` | reads on for a bounded time | -> `ended` | -> `ended` | -> `ended` | - | - |
 * | send message | queued | throws | queued (3) | throws | throws | throws | throws |
 * | send fragment, ping | queued | throws | throws | throws | throws | throws | throws |
 * | close | close frame queued -> `closing` | shortens the deadline | close frame queued -> `finishing` | shortens the deadline | shortens the deadline | -> `closing` | - |
 * | local fault | close frame queued -> `failing` (4) | -> `ended` | close frame queued -> `finishing` (4) | - | - | -> `ended` | - |
 * | answers done | (1) | (1) | close frame queued -> `finishing` | - | - | (1) | - |
 * | all written | - | - | - | our side ends (server), then waits for the peer's end; had that come: -> `ended` | as `finishing`, in both roles | ! | - |
 * | deadline | reading goes on after a flood | -> `ended` (5) | close frame queued -> `finishing` | -> `ended` (5) | -> `ended` | reading goes on after a flood; at the end: rest dropped and counted -> `ended` | - |
 * | terminate | -> `ended` | -> `ended` | -> `ended` | -> `ended` | -> `ended` | -> `ended` | - |
 *
 * 1. A violation that stands in the same bytes after messages takes effect with the next `answersDone`, as if its
 * bytes had come later, so that the messages before it can be answered. 2. Once everything that came before was handed
 * over. 3. Not while a streamed message is unfinished: whole messages cannot be sent inside it (RFC 6455, section 5.4).
 * 4. If a frame was begun and cannot be completed: -> `ended`. 5. Put off while the peer keeps taking what is queued,
 * see {@link MAX_CLOSE_EXTENSION}.
 *
 * @module
 */

/**
 * The state of a connection.
 *
 * - `open`: both sides may send.
 * - `closing`: our close frame is queued or could not be written, and the peer's has not arrived.
 * - `peer-closing`: the peer's close frame has arrived, and ours is not queued yet. Bytes that follow are ignored.
 * - `finishing`: both close frames are known. Ours is being written, or the end of the stream is awaited.
 * - `failing`: after a violation by the peer or a fault of our own, our close frame is being written.
 * - `draining`: the writing side broke while the connection was open. What the peer had sent before is still read.
 * - `ended`: nothing more is read or written.
 */
export type EndpointState =
  | "open"
  | "closing"
  | "peer-closing"
  | "finishing"
  | "failing"
  | "draining"
  | "ended";

/** Which states may follow each state. */
const MOVES: Readonly<Record<EndpointState, readonly EndpointState[]>> = {
  open: ["closing", "peer-closing", "failing", "draining", "ended"],
  closing: ["finishing", "ended"],
  "peer-closing": ["finishing", "ended"],
  finishing: ["ended"],
  failing: ["ended"],
  draining: ["closing", "ended"],
  ended: [],
};

/**
 * Checks a move from one state to another.
 *
 * @throws {Error} For a move that no peer and no stream can cause: a bug in this library.
 */
export function checkMove(from: EndpointState, to: EndpointState): void {
  if (MOVES[from].includes(to)) return;
  throw new Error(
    `Cannot go from state "${from}" to "${to}": only ${
      MOVES[from].join(", ") || "nothing"
    } may follow. This is a bug in the library.`,
  );
}
