import { Daemon, freePorts } from "../_support/daemon.ts";
import { Folder } from "../_support/folder.ts";

/** What the configuration of a forward proxy is made of. */
export interface ForwardSetup {
  /** A folder for its files, which other users may read. */
  readonly folder: string;
  readonly port: number;
  /** Whether it asks for the proxy's {@linkcode Login}. */
  readonly credentials: boolean;
  /** The only ports that it may connect to. */
  readonly targets: readonly number[];
}

/** A user and a password. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

/** A forward proxy program. */
export interface ForwardProxy {
  readonly name: string;
  readonly command: string;
  /** The arguments that print its version, which is the first number printed. */
  readonly versionArgs: readonly string[];
  /** What it lets through if it asks for credentials. */
  readonly login: Login;
  /** The arguments that run it in the foreground with a configuration file. */
  args(file: string): string[];
  /** Writes its files apart from the configuration, and returns that. */
  config(setup: ForwardSetup): Promise<string>;
}

/** A forward proxy that runs. */
export interface RunningForwardProxy extends AsyncDisposable {
  readonly port: number;
  readonly daemon: Daemon;
}

/** Starts a forward proxy. */
export async function startForwardProxy(
  proxy: ForwardProxy,
  given: Pick<ForwardSetup, "credentials" | "targets">,
): Promise<RunningForwardProxy> {
  await using stack = new AsyncDisposableStack();
  const { path: folder } = stack.use(await Folder.make(0o777));
  const [port = 0] = freePorts(1);
  const file = `${folder}/proxy.conf`;
  const config = await proxy.config({ ...given, folder, port });
  await Deno.writeTextFile(file, config);
  const args = proxy.args(file);
  const daemon = stack.use(await Daemon.start(proxy.command, args, port));
  const owned = stack.move();
  return { port, daemon, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
