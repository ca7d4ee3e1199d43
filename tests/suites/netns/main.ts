// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Two hosts, which are two network namespaces of this machine: packets are lost, then the cable is
 * pulled and put back. Needs the right to make namespaces, and Debian's iproute2.
 *
 * `deno task suite netns [--peers N]`
 *
 * @module
 */

import type { Report } from "./peer.ts";

const place = Deno.args.indexOf("--peers");
const PEERS = place < 0 ? 20 : Number(Deno.args[place + 1]);
const PORT = 8_080;
const NAMES = ["honeybee-a", "honeybee-b"] as const;
/** What `QUICK` in traffic.ts promises: keepaliveTimeout, a ping interval with its jitter, and some slack. */
const SEEN_WITHIN = 600 + 220 + 400;

const reason = await unable();
if (reason !== undefined) {
  console.log(`skipped: ${reason}`);
  Deno.exit(0);
}

const broken: string[] = [];
try {
  await build();
  const server = start(NAMES[0], "server", String(PORT));
  await pause(700);
  const client = start(
    NAMES[1],
    "client",
    `ws://10.99.0.1:${PORT}`,
    String(PEERS),
  );
  await pause(1_500);

  try {
    await tool(
      "tc",
      NAMES[1],
      "qdisc add dev veth-b root netem loss 10% delay 30ms",
    );
    console.log("losing every tenth packet, 30 ms away");
    await pause(5_000);
    await tool("tc", NAMES[1], "qdisc del dev veth-b root");
    await pause(1_000);
  } catch (error) {
    console.log(`no packets are lost, as this kernel cannot: ${error}`);
  }

  console.log("pulling the cable");
  await tool("ip", NAMES[1], "link set veth-b down");
  const pulledAt = Date.now();
  await pause(3_000);
  await tool("ip", NAMES[1], "link set veth-b up");
  console.log("and back");
  await pause(3_000);

  const fromClient = await finish(client);
  const fromServer = await finish(server);
  broken.push(...fromClient.broken, ...fromServer.broken);
  // The first loss of each peer after the cable was pulled.
  const seen = fromClient.lostAt
    .map((lost) => Math.min(...lost.filter((at) => at >= pulledAt)) - pulledAt);
  const late = seen.filter((after) => after > SEEN_WITHIN);
  if (seen.length < PEERS) broken.push("not every peer was found to be lost");
  if (late.length > 0) broken.push(`lost peers were found after ${late} ms`);
  if (fromClient.recovery === undefined) {
    broken.push("not every peer is connected again");
  }
  console.log(
    `${fromClient.count} messages came back; losses were found ${
      Math.max(...seen)
    } ms after the cable was pulled, at the latest`,
  );
} finally {
  await clear();
}
for (const line of broken.slice(0, 20)) console.log(`BROKEN ${line}`);
console.log(`${broken.length === 0 ? 1 : 0} passed, ${broken.length} failed`);
if (broken.length > 0) Deno.exitCode = 1;

async function unable(): Promise<string | undefined> {
  try {
    await run("ip", ["netns", "add", "honeybee-try"]);
    await run("ip", ["netns", "del", "honeybee-try"]);
    await run("tc", ["-V"]);
    return undefined;
  } catch (error) {
    return `no network namespaces here: ${
      error instanceof Error ? error.message : error
    }`;
  }
}

async function build(): Promise<void> {
  await clear();
  const [a, b] = NAMES;
  await run("ip", ["netns", "add", a]);
  await run("ip", ["netns", "add", b]);
  await run("ip", words("link add veth-a type veth peer name veth-b"));
  await run("ip", ["link", "set", "veth-a", "netns", a]);
  await run("ip", ["link", "set", "veth-b", "netns", b]);
  await tool("ip", a, "addr add 10.99.0.1/24 dev veth-a");
  await tool("ip", b, "addr add 10.99.0.2/24 dev veth-b");
  for (const [name, device] of [[a, "veth-a"], [b, "veth-b"]] as const) {
    await tool("ip", name, `link set ${device} up`);
    await tool("ip", name, "link set lo up");
  }
}

async function clear(): Promise<void> {
  for (const name of NAMES) {
    await run("ip", ["netns", "del", name]).catch(() => {});
  }
}

function start(namespace: string, ...args: string[]): Deno.ChildProcess {
  const program = new URL("peer.ts", import.meta.url).pathname;
  return new Deno.Command("ip", {
    args: [
      "netns",
      "exec",
      namespace,
      Deno.execPath(),
      "run",
      "--allow-net",
      program,
      ...args,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

async function finish(child: Deno.ChildProcess): Promise<Report> {
  await child.stdin.close();
  const { stdout } = await child.output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

function tool(name: string, namespace: string, args: string): Promise<void> {
  return run("ip", ["netns", "exec", namespace, name, ...words(args)]);
}

async function run(command: string, args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, {
    args,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) {
    throw new Error(
      `${command} ${args.join(" ")}: ${
        new TextDecoder().decode(stderr).trim()
      }`,
    );
  }
}

function words(text: string): string[] {
  return text.split(" ");
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
