import { Buffer } from "node:buffer";
import { ConfigError } from "../../base/errors.ts";
import { refuseOption } from "../../base/options.ts";

/**
 * Checks the path of a Unix socket.
 *
 * @throws {ConfigError} `invalid-option` for a path that no socket can have.
 */
export function checkUnixPath(field: string, path: unknown): void {
  if (path === undefined) return;
  // The path of an abstract socket of Linux begins with a NUL.
  if (typeof path !== "string" || path === "" || path.includes("\0", 1)) {
    throw refuseOption(field, "a path", path);
  }
  const { platform } = globalThis.process;
  const size = Buffer.byteLength(path);
  // The size of the system's structure for addresses.
  const maxSize = platform === "linux" ? 107 : 103;
  if (size > maxSize && platform !== "win32") {
    throw new ConfigError(
      "invalid-option",
      field,
      `Cannot use option ${field}: it must be a path of at most ${maxSize} bytes, and has ${size}.`,
    );
  }
}
