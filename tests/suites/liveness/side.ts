// deno-lint-ignore-file no-console -- the other process reads it
/** One side in a process of its own: reports after each line that it reads. */

import { Crowd } from "./crowd.ts";

const [manners = "{}", ports = "{}"] = Deno.args;
await using crowd = new Crowd(JSON.parse(manners));
console.log(JSON.stringify(await crowd.listen()));
await crowd.dial(JSON.parse(ports));
console.log("{}");
const decoder = new TextDecoder();
for await (const line of Deno.stdin.readable) {
  const command = decoder.decode(line).trim();
  if (command.startsWith("block")) {
    const until = performance.now() + Number(command.slice(5));
    while (performance.now() < until);
  }
  console.log(JSON.stringify(crowd.report()));
}
