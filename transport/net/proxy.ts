import { env } from "node:process";
import { type PullStream, readHead, writeAll } from "./pull_stream.ts";
import { ConfigError } from "../base/errors.ts";
import { HandshakeError } from "../handshake/errors.ts";
import { formatHead, parseResponseHead } from "../handshake/head.ts";
import { onDeno } from "../base/runtime.ts";

/** A name or an address, and a port. */
export interface Host {
  readonly hostname: string;
  readonly port: number;
}

/** An HTTP proxy to go through. */
export interface Proxy extends Host {
  /** The `Proxy-Authorization` header, where there are credentials. */
  readonly authorization: string | undefined;
}

/**
 * The proxy for a URL: the option's, else the environment's where it may be read.
 *
 * @throws {ConfigError} `invalid-option` when it is no `http:` URL.
 */
export function chooseProxy(
  url: URL,
  option: string | URL | false | undefined,
): Proxy | undefined {
  if (option === false) return undefined;
  if (option !== undefined) return parseProxy(option);
  if (isLoopback(url.hostname)) return undefined;
  const name = url.protocol === "wss:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const value = readEnv(name);
  if (value === undefined || isExempt(url, readEnv("NO_PROXY") ?? "")) {
    return undefined;
  }
  return parseProxy(value);
}

/**
 * Has a proxy connect to a host (RFC 9110, section 9.3.6). After it the stream is the host's.
 *
 * @throws {HandshakeError} `proxy-refused` with the proxy's status.
 */
export async function connectThrough(
  stream: PullStream,
  proxy: Proxy,
  { hostname, port }: Host,
): Promise<void> {
  const host = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  await writeAll(
    stream,
    formatHead(`CONNECT ${host} HTTP/1.1`, [
      ["Host", host],
      ...(proxy.authorization === undefined
        ? []
        : [["Proxy-Authorization", proxy.authorization] as const]),
    ]),
  );
  const { text, early } = await readHead(stream, "response");
  const { status, reason, headers } = parseResponseHead(text);
  if (status < 200 || status > 299) {
    throw new HandshakeError(
      "proxy-refused",
      `The proxy answered ${status} ${reason}`.trim(),
      { status, headers: headers.toHeaders() },
    );
  }
  if (early.length > 0) {
    throw new HandshakeError(
      "bad-response",
      "The proxy sent data before the host was spoken to",
    );
  }
}

function parseProxy(given: string | URL): Proxy {
  const field = "proxy";
  let url: URL;
  try {
    url = new URL(given);
  } catch (cause) {
    throw new ConfigError(
      "invalid-option",
      field,
      "Cannot use option as proxy must be an http: URL: current value is none",
      { cause },
    );
  }
  if (url.protocol !== "http:") {
    throw new ConfigError(
      "invalid-option",
      field,
      `Cannot use option as proxy must be an http: URL (a proxy that itself speaks TLS is not supported): current value has the scheme ${url.protocol}`,
    );
  }
  const user = decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  return {
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || "80"),
    authorization: user === "" && password === ""
      ? undefined
      : `Basic ${toBase64(`${user}:${password}`)}`,
  };
}

function toBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/** A variable in either case, where it may be read without a prompt. */
function readEnv(name: string): string | undefined {
  for (const variable of [name, name.toLowerCase()]) {
    const value = mayReadEnv(variable) ? env[variable] : undefined;
    if (value) return value;
  }
  return undefined;
}

function mayReadEnv(variable: string): boolean {
  return !onDeno ||
    Deno.permissions.querySync({ name: "env", variable }).state === "granted";
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" ||
    /^127\./.test(hostname);
}

/** Whether `NO_PROXY` names the host: a name, a domain with or without its dot, or `*`; a port at will. */
function isExempt(url: URL, list: string): boolean {
  const port = url.port || (url.protocol === "wss:" ? "443" : "80");
  return list.split(",").map((entry) => entry.trim().toLowerCase()).some(
    (entry) => {
      const [, name = "", only] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
      if (name === "" || (only !== undefined && only !== port)) return false;
      const domain = name.replace(/^\*?\./, "");
      return name === "*" || url.hostname === domain ||
        url.hostname.endsWith(`.${domain}`);
    },
  );
}
