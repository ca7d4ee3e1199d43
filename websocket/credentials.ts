import { Buffer } from "node:buffer";
import type { HeadersSource } from "../transport/connection/options.ts";
import { checkHeaders } from "../transport/connection/resolve_options.ts";

/**
 * Headers with the user name and password of a URL as `Authorization: Basic` (RFC 7617), if it has any and the
 * headers name no others.
 *
 * @throws {ConfigError} `invalid-option` for headers that no request can have.
 */
export function authorize(
  given: HeadersSource | undefined,
  { username, password }: URL,
): HeadersSource | undefined {
  if (username === "" && password === "") return given;
  checkHeaders("headers", given);
  const pair = `${decode(username)}:${decode(password)}`;
  const basic = `Basic ${Buffer.from(pair).toString("base64")}`;
  return async () => {
    const headers = new Headers(
      typeof given === "function" ? await given() : given,
    );
    if (!headers.has("authorization")) headers.set("authorization", basic);
    return headers;
  };
}

/** A part of a URL without its percent-encoding; unchanged if the encoding is malformed. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
