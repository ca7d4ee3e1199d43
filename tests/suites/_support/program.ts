/** A program of the suites, in a process of its own, that reports in lines of JSON. */
export class Program<Report extends object> {
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #rest = "";

  /**
   * Starts `file` of the suites' folder with the permissions of a peer, and more flags of `deno run`.
   *
   * @param descriptors The number of descriptors that it may have. @default as many as this process
   */
  constructor(
    file: string,
    args: readonly string[],
    flags: readonly string[] = [],
    descriptors?: number,
  ) {
    const limit = descriptors === undefined
      ? ""
      : `ulimit -n ${descriptors} && `;
    this.#process = new Deno.Command("sh", {
      args: [
        "-c",
        `${limit}exec "$@"`,
        "sh",
        Deno.execPath(),
        "run",
        "--no-prompt",
        "--allow-net=127.0.0.1",
        ...flags,
        new URL(`../${file}`, import.meta.url).pathname,
        ...args,
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = this.#process.stdout
      .pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next line; empty when it has ended. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return line;
      }
      const { value, done } = await this.#lines.read();
      if (done) return "";
      this.#rest += value;
    }
  }

  /** The next report; an empty one when it has ended. */
  async next(): Promise<Partial<Report>> {
    return JSON.parse(await this.line() || "{}");
  }

  /** Says to it that it may go on, or what it is to do. */
  async tell(command = ""): Promise<void> {
    const writer = this.#process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${command}\n`));
    writer.releaseLock();
  }

  /** Says to it that there is no more to come. */
  async finish(): Promise<void> {
    await this.#process.stdin.close();
  }

  /** Waits for its end. */
  async ended(): Promise<Deno.CommandStatus> {
    await this.#lines.cancel();
    return await this.#process.status;
  }

  /** Stops it as if its machine stood still, or lets it go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#process.kill(signal);
  }

  /** Kills it, with what it has open. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    // The standard input of a program that got no command is open.
    if (!this.#process.stdin.locked) {
      await this.#process.stdin.close().catch(() => {});
    }
    await this.ended();
  }
}
