import { type CheckName, CHECKS, codesOf } from "./peer_checks.ts";
import { DIALS, type ForwardPlace, killedUnderLoad } from "./proxies/dials.ts";
import {
  type ForwardProxy,
  startForwardProxy,
} from "./proxies/forward_proxy.ts";
import { nameWithVersion } from "./proxies/reverse_proxy.ts";
import type { Certificates } from "./_support/certificates.ts";
import { freePorts } from "./_support/daemon.ts";
import { Matrix } from "./_support/matrix.ts";
import { startOurs } from "./_support/ours.ts";
import { proxiedRow } from "./_support/row.ts";
import type { Tally } from "./_support/tally.ts";

const HOST = "127.0.0.1";
/** What is tried through a tunnel that stands. */
const THROUGH: readonly CheckName[] = [
  "messages",
  "compressed",
  "subprotocols",
  "ping to peer",
  "close by us",
  "close by peer",
  "cut by us",
  "cut by peer",
];
const KILLED = "killed under load";

/** Makes the matrix of forward proxies. */
export function forwardMatrix(): Matrix {
  const columns = [...THROUGH, ...Object.keys(DIALS), KILLED];
  return new Matrix("Forward proxies", ["Proxy", "URL"], columns);
}

/** Dials one of our servers through a forward proxy, without and with TLS. */
export async function runForwardProxy(
  proxy: ForwardProxy,
  certificates: Certificates,
  matrix: Matrix,
  tally: Tally,
): Promise<void> {
  const { name, command, versionArgs } = proxy;
  const version = await nameWithVersion(name, command, versionArgs);
  for (const scheme of ["ws", "wss"]) {
    const [backend = 0, forbidden = 0] = freePorts(2);
    const { cert, key } = certificates;
    await using peer = await startOurs({
      acceptor: "listen",
      port: backend,
      ...(scheme === "wss" ? { tls: { cert, key } } : {}),
    });
    const targets = [backend];
    await using open = await startForwardProxy(proxy, {
      credentials: false,
      targets,
    });
    await using guarded = await startForwardProxy(proxy, {
      credentials: true,
      targets,
    });
    const place: ForwardPlace = {
      origin: `${scheme}://${HOST}:${backend}`,
      forbidden: `${scheme}://${HOST}:${forbidden}`,
      caCerts: scheme === "wss" ? [certificates.ca] : [],
      open,
      guarded,
      login: proxy.login,
    };
    const names = [version, `\`${scheme}:\``];
    const dial = {
      proxy: `http://${HOST}:${open.port}`,
      caCerts: place.caCerts,
    };
    await using row = proxiedRow(peer, place.origin, dial);
    for (const check of THROUGH) {
      const terms = { codes: codesOf(check, row), mark: true };
      const run = () => CHECKS[check](row, terms);
      await tally.check(matrix, names, check, run);
    }
    for (const [column, check] of Object.entries(DIALS)) {
      await tally.check(matrix, names, column, () => check(place));
    }
    await tally.check(matrix, names, KILLED, () => killedUnderLoad(place));
  }
}
