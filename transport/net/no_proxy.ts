import { BlockList, isIP } from "node:net";

/** An entry: a host, and optionally the length of a prefix or a port. */
const ENTRY = /^(\[[^\]]+\]|[^[\]/]+?)(?:\/(\d{1,3}))?(?::(\d+))?$/;

/**
 * Whether `no_proxy` exempts the host of a URL.
 *
 * The list is separated by commas or blanks. An entry is one of:
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
  // An address with colons has a port only behind brackets.
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
  const host = isIP(bare) === 6 ? `[${bare}]` : bare;
  const parsed = URL.parse(`http://${host}/`)?.hostname ?? bare.toLowerCase();
  return stripDot(parsed.replace(/^\[|\]$/g, ""));
}

/** A dot at the end of a name means that it is absolute, which it is here anyway. */
function stripDot(name: string): string {
  return name.replace(/\.$/, "");
}
