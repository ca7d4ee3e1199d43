/**
 * What was sent and what came, connection by connection, so that the demo can check itself.
 *
 * Every message is a number; within a connection they go up one by one, from 1.
 */
export class Tally {
  readonly #last = new Map<string, number>();
  readonly mistakes: string[] = [];
  count = 0;

  /** Takes the next message of a connection. */
  take(connection: string, data: unknown): void {
    this.count++;
    const number = Number(data);
    const last = this.last(connection);
    if (number !== last + 1) {
      this.mistakes.push(`${connection}: ${data} came after ${last}`);
    }
    this.#last.set(connection, number);
  }

  /** The last message of a connection, 0 when none came. */
  last(connection: string): number {
    return this.#last.get(connection) ?? 0;
  }
}
