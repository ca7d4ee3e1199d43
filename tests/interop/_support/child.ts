import { within } from "./deadline.ts";

/** What stderr may say before its beginning is forgotten. */
const KEPT = 4_000;

/** Every program that runs, so that none outlives an interrupted run. */
const running = new Set<Child>();

/** Kills every program that still runs, with its whole process group, and waits for the ends. */
export async function killAll(): Promise<void> {
  for (const child of running) child.kill("SIGKILL");
  await Promise.all([...running].map(({ ended }) => ended));
}

/** How many programs run. */
export function countRunning(): number {
  return running.size;
}

/** How to start a {@linkcode Child}. */
export interface ChildOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

/** A program in a process group of its own, which is killed as a whole. */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  #stderr = "";
  #ended = false;
  /** Resolves when the program has ended. */
  readonly ended: Promise<void>;
  /** What the program writes to stdout, line by line. */
  readonly lines: ReadableStream<string>;

  constructor(
    readonly command: string,
    args: readonly string[],
    options: ChildOptions = {},
  ) {
    this.#process = new Deno.Command(command, {
      args: [...args],
      ...options,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
    running.add(this);
    this.#stdin = this.#process.stdin.getWriter();
    this.#stdin.closed.catch(() => {});
    this.lines = this.#process.stdout
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new TransformStream(new Lines()));
    this.#reading = this.#readErrors();
    this.ended = this.#process.status.then(() => {
      this.#ended = true;
      running.delete(this);
    });
  }

  /** The end of what the program wrote to stderr. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Whether the program has ended. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** The process id, which is that of its group too. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Writes a line to stdin. */
  async write(line: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Sends a signal to the program alone. */
  signal(signal: Deno.Signal): void {
    if (!this.#ended) this.#process.kill(signal);
  }

  /** Sends a signal to the whole group. The group may outlive the program. */
  kill(signal: Deno.Signal): void {
    try {
      Deno.kill(-this.pid, signal);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Kills the group and waits until nothing of it is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await within(`The end of ${this.command}`, this.ended);
    await this.#stdin.abort().catch(() => {});
    if (!this.lines.locked) await this.lines.cancel();
    await this.#reading;
  }

  async #readErrors(): Promise<void> {
    const decoded = this.#process.stderr.pipeThrough(new TextDecoderStream());
    for await (const text of decoded) {
      this.#stderr = (this.#stderr + text).slice(-KEPT);
    }
  }
}

/** Cuts text into lines. */
class Lines implements Transformer<string, string> {
  #rest = "";

  transform(
    chunk: string,
    controller: TransformStreamDefaultController<string>,
  ): void {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) controller.enqueue(line);
  }
}

/** Runs a program to its end, and returns what it wrote to stdout and stderr. */
export async function output(
  command: string,
  args: readonly string[],
  milliseconds = 120_000,
): Promise<{ readonly text: string; readonly success: boolean }> {
  const { stdout, stderr, success } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    signal: AbortSignal.timeout(milliseconds),
  }).output();
  const decoder = new TextDecoder();
  return { text: decoder.decode(stdout) + decoder.decode(stderr), success };
}

/** Whether there is a program of this name. */
export async function isThere(program: string): Promise<boolean> {
  const { success } = await output("sh", ["-c", `command -v "$0"`, program]);
  return success;
}
