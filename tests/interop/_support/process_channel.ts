import { Child, type ChildOptions } from "./child.ts";
import type { Channel, Command, Report } from "./peer.ts";

/** A peer that is a program: it reads commands from stdin and writes reports to stdout. */
export class ProcessChannel implements Channel {
  readonly #child: Child;

  constructor(
    command: string,
    args: readonly string[],
    options?: ChildOptions,
  ) {
    this.#child = new Child(command, args, options);
  }

  get reports(): AsyncIterable<Report> {
    return this.#read();
  }

  get stderr(): string {
    return this.#child.stderr;
  }

  send(command: Command): Promise<void> {
    return this.#child.write(JSON.stringify(command));
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }

  async *#read(): AsyncIterable<Report> {
    for await (const line of this.#child.lines) yield JSON.parse(line);
  }
}
