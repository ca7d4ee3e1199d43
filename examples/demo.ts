// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Both pools at work on loopback: peers connect, talk, lose their connections and get them back. It
 * stops after some seconds, and checks itself: everything that was sent on a connection that stayed open came
 * back, in order, and nothing twice.
 *
 * `deno task demo`, or each half alone until interrupted:
 * `deno task demo --serve 8080`, `deno task demo --connect ws://127.0.0.1:8080`
 *
 * @module
 */

import { DemoClient } from "./demo/client.ts";
import { Display } from "./demo/display.ts";
import { DemoServer } from "./demo/server.ts";
import { aborted, interrupted } from "./interrupted.ts";

const PEERS = 36;
const PATIENCE = 3_000;
const [flag, where] = Deno.args;

if (flag === "--serve") Deno.exitCode = await serve(Number(where ?? 8_080));
else if (flag === "--connect" && where) Deno.exitCode = await connect(where);
else if (flag === undefined) Deno.exitCode = await demo();
else {
  console.error("usage: demo [--serve PORT | --connect URL]");
  Deno.exitCode = 2;
}

async function demo(): Promise<number> {
  const first = new DemoServer(0);
  const client = new DemoClient(`ws://127.0.0.1:${first.port}`, PEERS);
  const halves = { server: first, client };
  const display = new Display(halves);
  display.say(`${PEERS} peers connect to port ${first.port}`);
  await client.whole();
  await pause(3_000);

  display.say(`the server lets ${await first.cut(1 / 3)} of them go`);
  // Long enough for the client to notice, and shorter than its delay.
  await pause(300);
  await client.whole();
  display.say("all are back");
  await pause(2_500);

  display.say("the server stops");
  await first.stop();
  await pause(1_000);
  const second = new DemoServer(first.port);
  halves.server = second;
  display.say("the server is there again");
  await client.whole();
  display.say("all are back");
  await pause(3_000);

  await client.stop(PATIENCE);
  await second.stop();
  display.stop();

  const mistakes = [
    ...client.mistakes,
    ...client.tally.mistakes,
    ...first.tally.mistakes,
    ...second.tally.mistakes,
  ];
  if (client.losses < PEERS) mistakes.push("hardly anything was lost");
  console.log(
    `\n${
      first.tally.count + second.tally.count
    } messages reached the server, ${client.tally.count} came back. ` +
      `${client.connections} connections were made, ${client.losses} lost.`,
  );
  return verdict(mistakes);
}

async function serve(port: number): Promise<number> {
  const signal = interrupted();
  const server = new DemoServer(port);
  const display = new Display({ server });
  display.say(`serving at ws://127.0.0.1:${server.port}`);
  await aborted(signal);
  display.say("draining");
  await server.stop();
  display.stop();
  return verdict(server.tally.mistakes);
}

async function connect(url: string): Promise<number> {
  const signal = interrupted();
  const client = new DemoClient(url, PEERS, true);
  const display = new Display({ client });
  display.say(`connecting to ${url}`);
  await aborted(signal);
  display.say("draining");
  await client.stop(1_000);
  display.stop();
  return verdict([...client.mistakes, ...client.tally.mistakes]);
}

function verdict(mistakes: readonly string[]): number {
  for (const mistake of mistakes.slice(0, 10)) console.log(`WRONG ${mistake}`);
  console.log(
    mistakes.length === 0
      ? "All messages on connections that stayed open came back, in order, none twice."
      : `${mistakes.length} things were wrong.`,
  );
  return mistakes.length === 0 ? 0 : 1;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
