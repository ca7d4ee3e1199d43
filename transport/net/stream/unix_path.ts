import { Buffer } from "node:buffer";
import { platform } from "node:process";
import { ConfigError } from "../../base/errors.ts";
import { refuseOption } from "../../base/options.ts";

/** The maximum length of the path of a Unix socket in bytes, which is that of the system's structure for it. */
const MAX_BYTES = platform === "linux" ? 107 : 103;

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
  const size = Buffer.byteLength(path);
  if (size > MAX_BYTES && platform !== "win32") {
    throw new ConfigError(
      "invalid-option",
      field,
      `Cannot use option ${field}: it must be a path of at most ${MAX_BYTES} bytes, and has ${size}.`,
    );
  }
}
