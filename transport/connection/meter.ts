/** Counts what passes through a connection, or through several connections. Its methods must not throw. */
export interface ConnectionMeter {
  /** Called for each message that arrived, with its payload size in bytes before compression. */
  received(bytes: number): void;
  /**
   * Called when payload bytes were buffered for sending, with the number of messages that are complete with them and
   * the number of bytes before compression.
   */
  sent(messages: number, bytes: number): void;
  /** Called for each pong that answered one of our pings. */
  heartbeat(): void;
}
