import { PROTOCOLS } from "./acceptor.ts";
import { Peer, type PeerOptions } from "./peer.ts";
import { ProcessChannel } from "./process_channel.ts";

const PROGRAM = new URL("../peers/run.mjs", import.meta.url).pathname;

/** Starts one of our servers in a process of its own. */
export async function startOurs(
  options: Pick<PeerOptions, "acceptor" | "port" | "tls">,
): Promise<Peer> {
  const args = ["run", "-A", PROGRAM, "honeybee"];
  const peer = await Peer.start(new ProcessChannel(Deno.execPath(), args));
  await peer.listen({ ...options, compression: false, protocols: PROTOCOLS });
  return peer;
}
