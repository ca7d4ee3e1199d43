import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { onDeno } from "../../../transport/base/runtime.ts";
import { pause } from "../../../transport/net/_support/settled.ts";

const FLAGS = onDeno
  ? ["run", "-A", "--v8-flags=--expose-gc"]
  : "Bun" in globalThis
  ? []
  : ["--no-warnings", "--expose-gc"];

/** What a {@link Child} has of its own. */
export interface ChildOptions {
  /** How many descriptors it may have. */
  readonly descriptors?: number | undefined;
  /** More variables of its environment. */
  readonly env?: Record<string, string>;
}

/** A program of this folder in a process of its own, on the runtime that runs this. It speaks in lines. */
export class Child {
  readonly lines: string[] = [];
  readonly #process: ChildProcess;

  /** Starts it. It has as many descriptors, and the environment, of this process unless the options say otherwise. */
  constructor(
    program: string,
    args: readonly string[],
    { descriptors, env }: ChildOptions = {},
  ) {
    const path = fileURLToPath(new URL(program, import.meta.url));
    const limit = descriptors === undefined ? "" : `ulimit -n ${descriptors};`;
    this.#process = spawn(
      "bash",
      [
        "-c",
        `${limit} exec "$0" "$@"`,
        process.execPath,
        ...FLAGS,
        path,
        ...args,
      ],
      {
        stdio: ["ignore", "pipe", "inherit"],
        env: { ...process.env, ...env },
      },
    );
    let rest = "";
    this.#process.stdout?.on("data", (bytes) => {
      const lines = `${rest}${bytes}`.split("\n");
      rest = lines.pop() ?? "";
      this.lines.push(...lines);
    });
  }

  /** Waits for a line, and returns what `pattern` captures. */
  async says(pattern: RegExp, milliseconds: number): Promise<string> {
    for (let left = milliseconds; left > 0; left -= 20) {
      for (const line of this.lines) {
        const found = pattern.exec(line);
        if (found !== null) return found[1] ?? "";
      }
      const { exitCode, signalCode } = this.#process;
      if (exitCode !== null || signalCode !== null) break;
      await pause(20);
    }
    throw new Error(`the child did not say ${pattern}, but ${this.lines}`);
  }

  /** Stops the process as if its machine stood still, or lets it go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    // `ChildProcess.kill` of Deno does nothing more after the first signal.
    if (this.#process.pid !== undefined) {
      process.kill(this.#process.pid, signal);
    }
  }

  /** Kills the process. */
  async kill(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return;
    const closed = once(this.#process, "close");
    this.#process.kill("SIGKILL");
    await closed;
  }
}
