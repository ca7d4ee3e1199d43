/**
 * Lets each test end only when the runtime's WebSockets that were opened in it have closed. A `NativeSocket` that ends
 * without its peer ends before the runtime's part, which closes once the peer has: without this the leak checks would
 * pass or fail by chance.
 *
 * @module
 */

/**
 * How long a WebSocket may take, in milliseconds. It takes about one. The leak checks report one that takes longer, for
 * instance because only `closeTimeout` ends it.
 */
const PATIENCE = 2_000;

const open = new Map<WebSocket, Promise<void>>();

function watch(ws: WebSocket): void {
  const { promise, resolve } = Promise.withResolvers<void>();
  open.set(ws, promise);
  ws.addEventListener("close", () => {
    open.delete(ws);
    resolve();
  }, { once: true });
}

globalThis.WebSocket = new Proxy(WebSocket, {
  construct(target, args, newTarget) {
    const ws: WebSocket = Reflect.construct(target, args, newTarget);
    watch(ws);
    return ws;
  },
});

const { upgradeWebSocket } = Deno;
Deno.upgradeWebSocket = (request, options) => {
  const upgrade = upgradeWebSocket(request, options);
  const { socket } = upgrade;
  // It opens only if its response is returned.
  socket.addEventListener("open", () => watch(socket), { once: true });
  return upgrade;
};

Deno.test.afterEach(async () => {
  if (open.size === 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, PATIENCE);
  await Promise.race([promise, Promise.all(open.values())]);
  clearTimeout(timer);
  open.clear();
});
