import { Child } from "./child.ts";
import { Folder } from "./folder.ts";
import type { Channel, Command, Report } from "./peer.ts";

const SOURCES = new URL("../peers/", import.meta.url);
const TYPES: Record<string, string> = {
  html: "text/html; charset=utf-8",
  mjs: "text/javascript; charset=utf-8",
};

/** How a browser is started. */
export interface Browser {
  readonly command: string;
  /** The arguments for a new profile in a folder, without the page. */
  args(profile: string): string[];
  /** Preferences of the profile, in the syntax of Firefox. */
  readonly preferences?: string;
}

/** A page in a browser that is a peer: it fetches commands and posts reports over HTTP. */
export class BrowserChannel implements Channel {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #reports = new TransformStream<Report, Report>();
  readonly #writer = this.#reports.writable.getWriter();
  readonly #profile: Folder;
  readonly #stop = new AbortController();
  #commands: Command[] = [];
  #waiting = Promise.withResolvers<void>();
  #child: Child | undefined;

  private constructor(profile: Folder, port: number) {
    this.#profile = profile;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  /**
   * Opens the page in a new browser.
   *
   * @param proxy The port for the server of the page, and the URL of the proxy in front of it.
   */
  static async open(
    browser: Browser,
    proxy?: { readonly port: number; readonly origin: string },
  ): Promise<BrowserChannel> {
    const profile = await Folder.make();
    const channel = new BrowserChannel(profile, proxy?.port ?? 0);
    const { port } = channel.#server.addr;
    const origin = proxy?.origin ?? `http://127.0.0.1:${port}`;
    if (browser.preferences !== undefined) {
      await Deno.writeTextFile(`${profile.path}/user.js`, browser.preferences);
    }
    channel.#child = new Child(browser.command, [
      ...browser.args(profile.path),
      `${origin}/browser.html`,
    ], { env: { HOME: profile.path } });
    return channel;
  }

  get reports(): AsyncIterable<Report> {
    return this.#reports.readable;
  }

  get stderr(): string {
    return this.#child?.stderr ?? "";
  }

  send(command: Command): Promise<void> {
    this.#commands.push(command);
    this.#waiting.resolve();
    return Promise.resolve();
  }

  kill(): void {
    this.#child?.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child?.[Symbol.asyncDispose]();
    this.#stop.abort();
    this.#waiting.resolve();
    await this.#server.shutdown();
    await this.#writer.close();
    await this.#profile[Symbol.asyncDispose]();
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/commands":
        return await this.#nextCommands();
      case "/reports":
        void this.#writer.write(await request.json());
        return new Response();
      default:
        return await serveFile(pathname.slice(1));
    }
  }

  /** Answers when there are commands, or after a while without any. */
  async #nextCommands(): Promise<Response> {
    if (this.#commands.length === 0 && !this.#stop.signal.aborted) {
      this.#waiting = Promise.withResolvers();
      const timer = setTimeout(() => this.#waiting.resolve(), 20_000);
      await this.#waiting.promise;
      clearTimeout(timer);
    }
    const commands = this.#commands;
    this.#commands = [];
    return Response.json(commands);
  }
}

async function serveFile(name: string): Promise<Response> {
  const type = TYPES[name.slice(name.lastIndexOf(".") + 1)];
  if (type === undefined || !/^[a-z]+\.[a-z]+$/.test(name)) {
    return new Response(null, { status: 404 });
  }
  const body = await Deno.readFile(new URL(name, SOURCES));
  return new Response(body, { headers: { "content-type": type } });
}
