import { Child } from "./child.ts";
import { until } from "./deadline.ts";

const HOST = "127.0.0.1";

/** A server program that is started, reloaded, stopped for a while and killed. */
export class Daemon implements AsyncDisposable {
  readonly #command: string;
  readonly #args: readonly string[];
  readonly #port: number;
  #child: Child | undefined;

  private constructor(command: string, args: readonly string[], port: number) {
    this.#command = command;
    this.#args = args;
    this.#port = port;
  }

  /** Starts a program, and resolves when it accepts connections on its port. */
  static async start(
    command: string,
    args: readonly string[],
    port: number,
  ): Promise<Daemon> {
    const daemon = new Daemon(command, args, port);
    await daemon.start();
    return daemon;
  }

  /** Starts the program again after {@linkcode Daemon.kill}. */
  async start(): Promise<void> {
    const child = this.#child = new Child(this.#command, this.#args);
    try {
      await until(`The start of ${this.#command}`, async () => {
        if (child.hasEnded) throw new Error(`${this.#command} ended`);
        return await accepts(this.#port);
      });
    } catch (cause) {
      await child[Symbol.asyncDispose]();
      const message = `Cannot start ${this.#command}: ${child.stderr}`;
      throw new Error(message, { cause });
    }
  }

  /** Sends a signal to the main process, such as the one that reloads. */
  signal(signal: Deno.Signal): void {
    this.#child?.signal(signal);
  }

  /** Stops every process of the program until {@linkcode Daemon.resume}. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  /** Lets every process of the program run again. */
  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  /** Kills every process of the program, and waits until its port is free. */
  async kill(): Promise<void> {
    await this.#child?.[Symbol.asyncDispose]();
    this.#child = undefined;
    await until(
      `The end of ${this.#command}`,
      async () => !await accepts(this.#port),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child?.[Symbol.asyncDispose]();
  }
}

async function accepts(port: number): Promise<boolean> {
  try {
    const connection = await Deno.connect({ hostname: HOST, port });
    connection.close();
    return true;
  } catch {
    return false;
  }
}

/** Ports that are free. Nothing reserves them. */
export function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: HOST, port: 0 }),
  );
  const ports = listeners.map(({ addr }) => addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}
