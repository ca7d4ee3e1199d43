// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Both pools at work on loopback: peers connect, talk, lose their connections and get them back. It stops after some
 * seconds, and checks that all messages on connections that stayed open came back, in order, and none twice.
 *
 * `deno task demo`, or each half alone until interrupted:
 * `deno task demo --serve 8080`, `deno task demo --connect ws://127.0.0.1:8080`
 *
 * @module
 */

import { DemoClient } from "./demo/client.ts";
import { Display } from "./demo/display.ts";
import { DemoServer } from "./demo/server.ts";
import { show } from "./demo/show.ts";
import { aborted, interrupted } from "./interrupted.ts";

const PEERS = 36;
const [flag, where] = Deno.args;

if (flag === "--serve") Deno.exitCode = await serve(Number(where ?? 8_080));
else if (flag === "--connect" && where) Deno.exitCode = await connect(where);
else if (flag === undefined) Deno.exitCode = exitCodeOf(await show(PEERS));
else {
  console.error("usage: demo [--serve PORT | --connect URL]");
  Deno.exitCode = 2;
}

async function serve(port: number): Promise<number> {
  const server = new DemoServer(port);
  const display = new Display({ server });
  display.say(`serving at ws://127.0.0.1:${server.port}`);
  await aborted(interrupted());
  display.say("draining");
  await server.stop();
  display.stop();
  return exitCodeOf(server.tally.mistakes);
}

async function connect(url: string): Promise<number> {
  const client = new DemoClient(url, PEERS, true);
  const display = new Display({ client });
  display.say(`connecting to ${url}`);
  await aborted(interrupted());
  display.say("draining");
  await client.stop(1_000);
  display.stop();
  return exitCodeOf([...client.mistakes, ...client.tally.mistakes]);
}

/** Prints the mistakes, and returns the exit code. */
function exitCodeOf(mistakes: readonly string[]): number {
  for (const mistake of mistakes.slice(0, 10)) console.log(`WRONG ${mistake}`);
  console.log(
    mistakes.length === 0
      ? "All messages on connections that stayed open came back, in order, none twice."
      : `${mistakes.length} things were wrong.`,
  );
  return mistakes.length === 0 ? 0 : 1;
}
