import type { Certificates } from "../_support/certificates.ts";
import { output } from "../_support/child.ts";
import { Daemon, freePorts } from "../_support/daemon.ts";
import { Folder } from "../_support/folder.ts";

/** What the configuration of a reverse proxy is made of. */
export interface Setup {
  /** A folder for its files, which other users may read. */
  readonly folder: string;
  readonly certificates: Certificates;
  /** The port of the server behind it. */
  readonly backend: number;
  /** The port of the server behind `idle`. */
  readonly steady: number;
  /** The port of the server that has the test page, behind `http2`. */
  readonly page: number;
  /** The ports to listen on. */
  readonly ports: Ports;
  /** Seconds without data after which the proxy cuts a connection on the port `idle`. */
  readonly idleTimeout: number;
}

/** The ports of a reverse proxy. */
export interface Ports {
  readonly plain: number;
  readonly tls: number;
  /** TLS, only HTTP/2. */
  readonly http2: number;
  /** Plain, with a short timeout. */
  readonly idle: number;
}

/** A reverse proxy program. */
export interface ReverseProxy {
  readonly name: string;
  readonly command: string;
  /** The arguments that print its version, which is the first number printed. */
  readonly versionArgs: readonly string[];
  /** Whether it accepts WebSockets over HTTP/2 (RFC 8441). */
  readonly http2: boolean;
  /** The signal that makes it reload its configuration. */
  readonly reload: Deno.Signal;
  /** The arguments that run it in the foreground with a configuration file. */
  args(file: string, folder: string): string[];
  config(setup: Setup): string;
}

/** A reverse proxy that runs. */
export interface RunningProxy extends AsyncDisposable {
  readonly ports: Ports;
  readonly daemon: Daemon;
}

/** Starts a reverse proxy in front of a server. */
export async function startReverseProxy(
  proxy: ReverseProxy,
  given: Pick<
    Setup,
    "certificates" | "backend" | "steady" | "page" | "idleTimeout"
  >,
): Promise<RunningProxy> {
  await using stack = new AsyncDisposableStack();
  const { path: folder } = stack.use(await Folder.make());
  const [plain = 0, tls = 0, http2 = 0, idle = 0] = freePorts(4);
  const ports = { plain, tls, http2, idle };
  const file = `${folder}/proxy.conf`;
  await Deno.writeTextFile(file, proxy.config({ ...given, folder, ports }));
  const args = proxy.args(file, folder);
  const daemon = stack.use(await Daemon.start(proxy.command, args, plain));
  const owned = stack.move();
  return { ports, daemon, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The name of a program with its version. */
export async function nameWithVersion(
  name: string,
  command: string,
  args: readonly string[],
): Promise<string> {
  const { text } = await output(command, args);
  const [version = ""] = /\d+(\.\d+)+/.exec(text) ?? [];
  return `${name} ${version}`;
}
