import { assert } from "@std/assert";
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";

/** A server of npm ws on a port of its own. */
export class Server implements AsyncDisposable {
  /** The server itself. */
  readonly ws: WebSocketServer;

  private constructor(ws: WebSocketServer) {
    this.ws = ws;
  }

  /** Listens on a free port. */
  static async listen(
    options: ConstructorParameters<typeof WebSocketServer>[0] = {},
  ): Promise<Server> {
    const ws = new WebSocketServer({ host: "127.0.0.1", port: 0, ...options });
    await new Promise((resolve) => ws.once("listening", resolve));
    return new Server(ws);
  }

  /** The URL of the server. */
  get url(): string {
    const address = this.ws.address();
    assert(typeof address === "object" && address !== null);
    return `ws://127.0.0.1:${address.port}`;
  }

  /** Terminates every connection. */
  cut(): void {
    for (const client of this.ws.clients) client.terminate();
  }

  /** Terminates every connection, and closes the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.ws.close(resolve));
  }
}
