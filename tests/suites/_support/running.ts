import { assert, assertEquals } from "@std/assert";

/** The folder of the project. */
export const ROOT = new URL("../../../", import.meta.url).pathname;
const decoder = new TextDecoder();

/** An example that runs until it is stopped. */
export class Running implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  said = "";

  constructor(
    flags: string[],
    name: string,
    args: string[],
    env: Record<string, string> = {},
  ) {
    this.#child = command(flags, name, args, env).spawn();
    this.#reader = this.#child.stdout.getReader();
  }

  /** Waits until it has said something that matches. */
  async says(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.said);
      if (match !== null) return match[0];
      const { value, done } = await this.#reader.read();
      if (done) throw new Error(`It ended, having said: ${this.said}`);
      this.said += decoder.decode(value);
    }
  }

  /** Interrupts it. It then has to end in time and without an error. */
  async interrupt(signal: "SIGINT" | "SIGTERM" = "SIGINT"): Promise<void> {
    const start = performance.now();
    this.#child.kill(signal);
    while (!(await this.#reader.read()).done);
    const { code } = await this.#child.status;
    assertEquals(code, 0);
    assert(performance.now() - start < 5_000, "It took more than 5 s to end");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    while (!(await this.#reader.read()).done);
    await this.#child.status;
  }
}

/** An example with its flags and arguments. */
export function command(
  flags: string[],
  name: string,
  args: string[],
  env: Record<string, string> = {},
) {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...flags, `examples/${name}.ts`, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
    stdout: "piped",
    stderr: "inherit",
  });
}

/** Returns what an example prints that ends without being stopped, and without an error. */
export async function output(
  flags: string[],
  name: string,
  args: string[],
): Promise<string> {
  const { code, stdout } = await command(flags, name, args).output();
  assertEquals(code, 0);
  return decoder.decode(stdout);
}
