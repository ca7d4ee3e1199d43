import { MAKES } from "./makes.ts";
import { forwardMatrix, runForwardProxy } from "./part_forward.ts";
import { peerMatrices, runMake } from "./part_peers.ts";
import { runReverseProxy } from "./part_reverse.ts";
import { eventMatrix } from "./proxies/events.ts";
import { APACHE } from "./proxies/apache.ts";
import { HAPROXY } from "./proxies/haproxy.ts";
import { NGINX } from "./proxies/nginx.ts";
import { SQUID } from "./proxies/squid.ts";
import { TINYPROXY } from "./proxies/tinyproxy.ts";
import {
  type Certificates,
  makeCertificates,
} from "./_support/certificates.ts";
import { Folder } from "./_support/folder.ts";
import type { Tally } from "./_support/tally.ts";

/** Something that `--only` selects. */
export interface Part {
  readonly name: string;
  /** A program that has to be there. */
  readonly program?: string | undefined;
  run(): Promise<void>;
}

const peers = peerMatrices("Foreign peers", ["Client", "Server"]);
const reverse = peerMatrices("Reverse proxies", [
  "Proxy",
  "Client",
  "Server",
]);
const events = eventMatrix();
const forward = forwardMatrix();

/** Every part, in the order in which they run. */
export function parts(tally: Tally): Part[] {
  return [
    ...MAKES.map((make) => ({
      name: make.name,
      program: make.program,
      run: () => runMake(make, peers, tally),
    })),
    ...[NGINX, HAPROXY, APACHE].map((proxy) => ({
      name: proxy.command,
      program: proxy.command,
      run: () =>
        withCertificates((certificates) =>
          runReverseProxy(proxy, certificates, {
            matrices: reverse,
            events,
            tally,
          })
        ),
    })),
    ...[SQUID, TINYPROXY].map((proxy) => ({
      name: proxy.command,
      program: proxy.command,
      run: () =>
        withCertificates((certificates) =>
          runForwardProxy(proxy, certificates, forward, tally)
        ),
    })),
  ];
}

/** The tables of what ran so far, as Markdown. */
export function tables(): string {
  return [...peers, ...reverse, events, forward].filter((matrix) =>
    !matrix.empty
  )
    .map((matrix) => matrix.toMarkdown()).join("\n\n");
}

async function withCertificates(
  use: (certificates: Certificates) => Promise<void>,
): Promise<void> {
  await using folder = await Folder.make();
  await use(await makeCertificates(folder.path));
}
