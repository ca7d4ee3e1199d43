import { DenoListener } from "./deno/deno_listener.ts";
import { NodeListener } from "./node/node_listener.ts";
import { usesDenoConn } from "./stream_choice.ts";
import type {
  StreamListener,
  StreamListenerOptions,
} from "./stream/stream_options.ts";

/**
 * Listens for streams.
 *
 * @throws On Deno what the runtime throws if it cannot listen on the address.
 */
export function listenForStreams(
  options: StreamListenerOptions,
): StreamListener {
  const source = options.path === undefined ? "accept-tcp" : "accept-unix";
  // With TLS, `Deno.listenTls` cannot switch Nagle's algorithm off.
  const isPlain = options.tls === undefined && !options.reusePort;
  return isPlain && usesDenoConn(source)
    ? new DenoListener(options)
    : new NodeListener(options);
}
