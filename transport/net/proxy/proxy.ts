/**
 * HTTP proxies: which one a URL goes through, and the CONNECT request.
 *
 * @module
 */

import { ConfigError } from "../../base/errors.ts";
import { refuseOption } from "../../base/options.ts";
import { builtin, onDeno } from "../../base/runtime.ts";
import { HandshakeError } from "../../handshake/errors.ts";
import { unreachable } from "../stream/open_failure.ts";

/** A name or an address, and a port. */
export interface Host {
  /** Without brackets, also for IPv6. */
  readonly hostname: string;
  readonly port: number;
}

/** An HTTP proxy to connect through. */
export interface Proxy extends Host {
  /** The value of `Proxy-Authorization`, `undefined` without credentials. */
  readonly authorization: string | undefined;
  /** Where the setting came from: `proxy`, or the name of an environment variable. */
  readonly source: string;
}

/** The port of a proxy that is given without one, as in curl. */
const DEFAULT_PORT = 1_080;
/** The variables that name a proxy, by the scheme of the URL, in the order in which curl reads them. */
const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  "ws:": ["ws_proxy", "http_proxy", "all_proxy"],
  "wss:": ["wss_proxy", "https_proxy", "all_proxy"],
};
/** Scheme, credentials, host and port of a proxy. */
const PROXY =
  /^(?:([a-z][-a-z\d+.]*):\/\/)?(?:([^/?#]*)@)?(\[[^\]@/?#]+\]|[^@:/?#[\]]+)(?::(\d*))?(?:\/(?!\/).*|[?#].*)?$/i;

/**
 * Returns the proxy for a URL: that of the option, otherwise that of the environment if it may be read. Loopback
 * hosts never use a proxy of the environment.
 *
 * The environment is read as curl reads it. For `ws:` the variables are `ws_proxy`, `http_proxy` and `all_proxy`, for
 * `wss:` `wss_proxy`, `https_proxy` and `all_proxy`: the first that is set counts, and the lower-case name comes before
 * the upper-case one. `no_proxy` lists hosts without a proxy, see {@link isExempt}.
 *
 * @throws {ConfigError} `invalid-option` or `unsupported` if the setting cannot be used. The field is `proxy`, or the
 * name of the variable.
 */
export function chooseProxy(
  url: URL,
  option: string | URL | false | undefined,
): Proxy | undefined {
  if (option === false) return undefined;
  if (option !== undefined) return parseOption("proxy", option);
  if (isLoopback(url.hostname)) return undefined;
  for (const name of VARIABLES[url.protocol] ?? []) {
    const found = readEnv(name);
    if (found === undefined) continue;
    if (isExempt(url, readEnv("no_proxy")?.value ?? "")) return undefined;
    return parseProxy(
      found.name,
      found.value,
      { action: "connect", subject: `the proxy of ${found.name}` },
    );
  }
  return undefined;
}

/**
 * Checks the option `proxy`.
 *
 * @throws {ConfigError} `invalid-option` or `unsupported` if the setting cannot be used.
 */
export function checkProxy(field: string, option: unknown): void {
  if (option === undefined || option === false) return;
  if (typeof option !== "string" && !(option instanceof URL)) {
    throw refuseOption(field, "false, a string or a URL", option);
  }
  parseOption(field, option);
}

function parseOption(field: string, option: string | URL): Proxy {
  const action = `use option ${field}`;
  return parseProxy(field, option, { action, subject: "the proxy" });
}

/** Names a proxy in a message, without its credentials. */
export function describeProxy({ hostname, port, source }: Proxy): string {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const origin = source === "proxy" ? "" : ` (from ${source})`;
  return `the proxy ${host}:${port}${origin}`;
}

/** Returns the error for a proxy that could not be reached, or did not answer. */
export function proxyFailure(
  proxy: Proxy,
  thrown: unknown,
  signal: AbortSignal,
): unknown {
  return signal.aborted || thrown instanceof HandshakeError
    ? thrown
    : unreachable(describeProxy(proxy), thrown);
}

/** Parses a proxy. Errors do not show the value, since it may contain credentials. */
function parseProxy(
  source: string,
  given: string | URL,
  { action, subject }: { readonly action: string; readonly subject: string },
): Proxy {
  const [match, scheme = "http", credentials = "", host = "", port = ""] =
    PROXY.exec(String(given).trim()) ?? [];
  if (match !== undefined && scheme.toLowerCase() !== "http") {
    throw new ConfigError(
      "unsupported",
      source,
      `Cannot ${action}: ${subject} has the scheme ${scheme}. Only HTTP proxies are supported: [http://][user:password@]host[:port].`,
    );
  }
  const url = URL.parse(`http://${host}:${port}/`);
  if (match === undefined || url === null || url.port === "0") {
    throw new ConfigError(
      "invalid-option",
      source,
      `Cannot ${action}: ${subject} must have the form [http://][user:password@]host[:port]${
        url?.port === "0" ? " with a port from 1 to 65535" : ""
      }.`,
    );
  }
  return {
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? DEFAULT_PORT : Number(port),
    authorization: authorize(credentials),
    source,
  };
}

/** Returns `Proxy-Authorization` (RFC 7617) for `user:password`, both percent-encoded. */
function authorize(credentials: string): string | undefined {
  const [user = "", ...password] = credentials.split(":");
  const bytes = [
    ...percentDecode(user),
    ":".charCodeAt(0),
    ...percentDecode(password.join(":")),
  ];
  return bytes.length === 1
    ? undefined
    : `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

/** Decodes as curl does: a percent sign without two hexadecimal digits after it stays as it is. */
function percentDecode(text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  const decoded: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    const digits = String.fromCharCode(...bytes.subarray(at, at + 3));
    if (/^%[\dA-Fa-f]{2}$/.test(digits)) {
      decoded.push(Number.parseInt(digits.slice(1), 16));
      at += 2;
    } else decoded.push(bytes[at] ?? 0);
  }
  return decoded;
}

/** Returns the first variable that is set, in lower case or in upper case, and that may be read without a prompt. */
function readEnv(name: string): { name: string; value: string } | undefined {
  for (const variable of [name, name.toUpperCase()]) {
    // In a CGI program, this variable contains the header `Proxy` of the request.
    const isForeign = variable === "HTTP_PROXY" &&
      read("REQUEST_METHOD") !== undefined;
    const value = isForeign ? undefined : read(variable);
    if (value !== undefined) return { name: variable, value };
  }
  return undefined;
}

function read(variable: string): string | undefined {
  const mayRead = !onDeno ||
    Deno.permissions.querySync({ name: "env", variable }).state === "granted";
  return mayRead ? globalThis.process.env[variable] || undefined : undefined;
}

/** Names below `localhost` are loopback too (RFC 6761, section 6.3). */
function isLoopback(hostname: string): boolean {
  return /^(?:.+\.)?localhost\.?$/.test(hostname) ||
    hostname === "[::1]" || /^127\.[\d.]+$/.test(hostname);
}

/** An entry: a host, and optionally the length of a prefix or a port. */
const ENTRY = /^(\[[^\]]+\]|[^[\]/]+?)(?:\/(\d{1,3}))?(?::(\d+))?$/;

/**
 * Whether `no_proxy` exempts the host of a URL.
 *
 * The list is separated by commas or spaces. An entry is one of:
 * - `*`: all hosts;
 * - a name: the host of that name and its subdomains, also written `.name` or `*.name`;
 * - an address, IPv6 with or without brackets;
 * - a network, for example `10.0.0.0/8` or `fd00::/8`, which exempts addresses only.
 *
 * A port at the end, `name:8080` or `[::1]:8080`, restricts the entry to URLs with that port.
 */
export function isExempt(url: URL, list: string): boolean {
  const host = stripDot(url.hostname.replace(/^\[|\]$/g, ""));
  const port = url.port || (url.protocol === "wss:" ? "443" : "80");
  return list.split(/[\s,]+/).some((entry) => matches(entry, host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  const { BlockList, isIP } = builtin("node:net");
  // An address with colons has a port only after brackets.
  const isBareIpv6 = isIP(entry.split("/", 1)[0] ?? "") === 6;
  const [, name = "", prefix, only] = isBareIpv6
    ? [entry, ...entry.split("/", 2)]
    : ENTRY.exec(entry) ?? [];
  if (name === "" || (only !== undefined && only !== port)) return false;
  if (name === "*") return true;
  const domain = canonical(name.replace(/^\*?\./, ""));
  const version = isIP(domain);
  if (version !== isIP(host)) return false;
  if (version === 0) {
    return prefix === undefined &&
      (host === domain || host.endsWith(`.${domain}`));
  }
  if (prefix === undefined) return host === domain;
  const bits = Number(prefix);
  if (bits > (version === 4 ? 32 : 128)) return false;
  const family = version === 4 ? "ipv4" : "ipv6";
  const network = new BlockList();
  network.addSubnet(domain, bits, family);
  return network.check(host, family);
}

/** Returns a host in the form that `URL` gives it: in lower case, names in ASCII, addresses without leading zeros. */
function canonical(name: string): string {
  const bare = name.replace(/^\[|\]$/g, "");
  const host = builtin("node:net").isIP(bare) === 6 ? `[${bare}]` : bare;
  const parsed = URL.parse(`http://${host}/`)?.hostname ?? bare.toLowerCase();
  return stripDot(parsed.replace(/^\[|\]$/g, ""));
}

/** Removes the dot at the end of an absolute name. All names are absolute here. */
function stripDot(name: string): string {
  return name.replace(/\.$/, "");
}
