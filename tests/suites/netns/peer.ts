// deno-lint-ignore-file no-console -- its report goes to its standard output
/**
 * One end of `netns.ts`: `server PORT`, or `client URL PEERS`. Works until its standard
 * input ends, then reports in JSON.
 *
 * @module
 */

import { listen } from "../../../mod.ts";
import { QUICK, TrafficClient, TrafficServer } from "../_support/traffic.ts";

/** What an end has to say when it is over. */
export interface Report {
  readonly count: number;
  readonly broken: readonly string[];
  /** When each peer was lost, in epoch milliseconds. */
  readonly lostAt: readonly (readonly number[])[];
  /** Milliseconds until everyone was connected, when that was asked for; absent when it was too long. */
  readonly recovery?: number;
}

if (import.meta.main) {
  const [kind, where = "", peers = "1"] = Deno.args;
  console.log(JSON.stringify(
    kind === "server"
      ? await serve(Number(where))
      : await connect(where, Number(peers)),
  ));
}

async function serve(port: number): Promise<Report> {
  const listener = listen({ port, handshakeTimeout: 1_000 });
  const server = new TrafficServer(listener, 1_500);
  await inputEnds();
  await server.close();
  return {
    count: server.sequences.count,
    broken: [...server.broken, ...server.sequences.broken],
    lostAt: [],
  };
}

async function connect(url: string, peers: number): Promise<Report> {
  const urls = Array.from({ length: peers }, (_, i) => `${url}/${i}`);
  const client = new TrafficClient(urls, QUICK);
  await inputEnds();
  const recovery = await client.recovered(10_000).catch(() => undefined);
  const lostAt = [...client.lostAt.values()];
  await client.close();
  return {
    count: client.sequences.count,
    broken: [...client.broken, ...client.sequences.broken],
    lostAt,
    ...(recovery !== undefined && { recovery }),
  };
}

async function inputEnds(): Promise<void> {
  for await (const _ of Deno.stdin.readable);
}
