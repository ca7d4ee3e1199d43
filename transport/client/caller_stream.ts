import { refuseOption } from "../base/options.ts";
import type { ByteStream } from "../net/stream/byte_stream.ts";
import type { OpenOptions } from "../net/stream/stream_options.ts";
import type { DialRawOptions } from "./dialer.ts";

/** Destroys the caller's stream if the dial fails. */
export async function destroying<T>(
  stream: ByteStream | undefined,
  dial: () => Promise<T>,
): Promise<T> {
  try {
    return await dial();
  } catch (error) {
    if (isStream(stream)) stream.destroy();
    throw error;
  }
}

function isStream(value: unknown): value is ByteStream {
  return typeof value === "object" && value !== null &&
    ["attach", "write", "pause", "resume", "end", "destroy"].every((name) =>
      typeof Reflect.get(value, name) === "function"
    );
}

/**
 * Checks that no option is given together with the caller's stream that only a new stream could fulfil.
 *
 * @throws {ConfigError} `invalid-option`.
 */
export function checkStream(
  options: OpenOptions & Pick<DialRawOptions, "stream">,
): void {
  if (options.stream === undefined) return;
  if (!isStream(options.stream)) {
    throw refuseOption(
      "stream",
      "a ByteStream, for example new NodeStream(socket) or new DenoStream(conn)",
      options.stream,
    );
  }
  for (const name of ["proxy", "unix", "caCerts", "cert", "key"] as const) {
    const value = options[name];
    if (value === undefined || value === false) continue;
    throw refuseOption(name, "left out with a stream", value);
  }
}
