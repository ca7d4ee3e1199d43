// deno-lint-ignore-file no-console -- a program speaks to its terminal
import { DemoClient } from "./client.ts";
import { Display } from "./display.ts";
import { DemoServer } from "./server.ts";

const PATIENCE = 3_000;

/** Runs both halves, breaks their connections, and returns what was wrong. */
export async function show(peers: number): Promise<string[]> {
  const first = new DemoServer(0);
  const client = new DemoClient(`ws://127.0.0.1:${first.port}`, peers);
  const halves = { server: first, client };
  const display = new Display(halves);
  display.say(`${peers} peers connect to port ${first.port}`);
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
  if (client.losses < peers) mistakes.push("hardly anything was lost");
  console.log(
    `\n${
      first.tally.count + second.tally.count
    } messages reached the server, ${client.tally.count} came back. ` +
      `${client.connections} connections were made, ${client.losses} lost.`,
  );
  return mistakes;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
