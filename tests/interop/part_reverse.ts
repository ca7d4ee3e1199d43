import { type Abilities, BROWSER_LIKE, OURS } from "./abilities.ts";
import { makeNamed } from "./makes.ts";
import { type PeerMatrices, runRow } from "./part_peers.ts";
import { runRestarts, runTimeouts } from "./proxies/events.ts";
import { IDLE_TIMEOUT } from "./proxies/idle.ts";
import {
  nameWithVersion,
  type ReverseProxy,
  type Setup,
  startReverseProxy,
} from "./proxies/reverse_proxy.ts";
import { BrowserChannel } from "./_support/browser_channel.ts";
import { CHROMIUM } from "./_support/browsers.ts";
import type { Certificates } from "./_support/certificates.ts";
import { freePorts } from "./_support/daemon.ts";
import { type AcceptorName, ACCEPTORS } from "./_support/acceptor.ts";
import type { Matrix } from "./_support/matrix.ts";
import { startOurs } from "./_support/ours.ts";
import { type Channel, Peer } from "./_support/peer.ts";
import { clientRow, proxiedRow } from "./_support/row.ts";
import type { Tally } from "./_support/tally.ts";

const HOST = "127.0.0.1";

/** Where the results go. */
export interface ReverseResults {
  readonly matrices: PeerMatrices;
  readonly events: Matrix;
  readonly tally: Tally;
}

type Place = Omit<Setup, "folder"> & {
  readonly version: string;
  readonly acceptor: AcceptorName;
};

/** Runs every check through a reverse proxy, in front of each of our servers. */
export async function runReverseProxy(
  proxy: ReverseProxy,
  certificates: Certificates,
  results: ReverseResults,
): Promise<void> {
  const { name, command, versionArgs, reload } = proxy;
  const version = await nameWithVersion(name, command, versionArgs);
  for (const acceptor of ACCEPTORS) {
    const [backend = 0, steady = 0, page = 0] = freePorts(3);
    const setup = {
      ...{ certificates, backend, steady, page },
      idleTimeout: IDLE_TIMEOUT,
    };
    await using running = await startReverseProxy(proxy, setup);
    await using _steady = await startOurs({ acceptor, port: steady });
    const { ports, daemon } = running;
    const { events, tally } = results;
    const names = [version, `\`${acceptor}\``];
    const origin = `ws://${HOST}:${ports.idle}`;
    // The timeouts pass while the other checks run.
    const waiting = runTimeouts(names, origin, events, tally);
    const place = { ...setup, ports, version, acceptor };
    await runHttp1(place, results);
    if (proxy.http2) await runHttp2(place, results);
    await waiting;
    await runRestarts(names, origin, events, tally, daemon, reload);
  }
}

async function runHttp1(
  { version, acceptor, ports, backend, certificates }: Place,
  { matrices, tally }: ReverseResults,
): Promise<void> {
  const origins = [
    ["`ws:`", `ws://${HOST}:${ports.plain}`],
    ["`wss:`", `wss://${HOST}:${ports.tls}`],
  ] as const;
  for (const [scheme, origin] of origins) {
    await using peer = await startOurs({ acceptor, port: backend });
    const caCerts = origin.startsWith("wss:") ? [certificates.ca] : [];
    const dial = { proxy: false, caCerts } as const;
    await using row = proxiedRow(peer, origin, dial);
    const names = [version, `\`dialRaw\` to ${scheme}`, `\`${acceptor}\``];
    await runRow(row, names, OURS[acceptor], matrices, tally);
  }
}

/** Foreign clients that speak HTTP/2 to the proxy (RFC 8441). */
async function runHttp2(
  { version, acceptor, ports, backend, page }: Place,
  { matrices, tally }: ReverseResults,
): Promise<void> {
  const authority = `${HOST}:${ports.http2}`;
  const { start, client = {} } = makeNamed("undici");
  const clients: [() => Promise<Channel>, Abilities][] = [[start, client]];
  if (acceptor === "listen") {
    // The page has to come over the connection that its WebSockets shall use.
    const through = { port: page, origin: `https://${authority}/browser` };
    const open = () => BrowserChannel.open(CHROMIUM, through);
    clients.push([open, BROWSER_LIKE]);
  }
  for (const [start, abilities] of clients) {
    await using peer = await Peer.start(await start());
    const through = { port: backend, origin: `wss://${authority}` };
    await using row = await clientRow(peer, acceptor, through);
    const names = [version, `${peer.version} to HTTP/2`, `\`${acceptor}\``];
    await runRow(row, names, abilities, matrices, tally);
  }
}
