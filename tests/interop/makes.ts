import { BrowserChannel } from "./_support/browser_channel.ts";
import { CHROMIUM, FIREFOX } from "./_support/browsers.ts";
import { BUN, NODE, PEERS } from "./_support/packages.ts";
import type { Channel } from "./_support/peer.ts";
import { ProcessChannel } from "./_support/process_channel.ts";
import {
  type Abilities,
  ALWAYS_A_CODE,
  BROWSER_LIKE,
  FEW_CODES,
  NO_1014,
  NONE,
} from "./abilities.ts";

/** An implementation that is not ours. */
export interface Make {
  readonly name: string;
  /** A program that has to be there; npm's are installed. */
  readonly program?: string;
  start(): Promise<Channel>;
  readonly client?: Abilities;
  readonly server?: Abilities;
}

const PYTHON = "/usr/bin/python3";
const SOURCES = new URL("peers/", import.meta.url).pathname;

function start(command: string, ...args: string[]): () => Promise<Channel> {
  return () => Promise.resolve(new ProcessChannel(command, args));
}

function node(name: string): () => Promise<Channel> {
  return start(NODE, "--no-warnings", `${PEERS}run.mjs`, name);
}

function python(name: string) {
  const program = `${SOURCES}${name}_peer.py`;
  return { name, program: PYTHON, start: start(PYTHON, program) };
}

const NO_FRAGMENTS = {
  "fragments from peer": NONE.fragments,
  "compressed fragments from peer": NONE.fragments,
};
const NO_COMPRESSION = {
  "compressed": NONE.compression,
  "compressed fragments to peer": NONE.compression,
  "compressed fragments from peer": NONE.compression,
};

const UNDICI: Abilities = {
  cannot: { ...NO_FRAGMENTS, "cut by peer": NONE.cut },
  unsendable: [FEW_CODES],
  noMark: "The peer drops a byte order mark at the start of a text message.",
};
const NODE_JS: Abilities = {
  ...UNDICI,
  cannot: { ...UNDICI.cannot, "ping from peer": NONE.ping },
};
const FAYE: Abilities = {
  cannot: { ...NO_FRAGMENTS, "cut by peer": NONE.cut },
  unsendable: [FEW_CODES, ALWAYS_A_CODE],
  unreadable: [{
    codes: (code) => code >= 1012 && code <= 1014,
    reason: "The peer takes the codes 1012 to 1014 for protocol errors.",
  }],
};
const WEBSOCKET: Abilities = {
  cannot: NO_COMPRESSION,
  unsendable: [ALWAYS_A_CODE],
};
const BUN_CLIENT: Abilities = { cannot: NO_FRAGMENTS };
const BUN_SERVER: Abilities = { ...BUN_CLIENT, unsendable: [ALWAYS_A_CODE] };
const DENO: Abilities = {
  ...BROWSER_LIKE,
  cannot: { ...BROWSER_LIKE.cannot, ...NO_COMPRESSION },
  unreadable: [NO_1014],
};
const WEBSOCKETS: Abilities = { unsendable: [ALWAYS_A_CODE] };
const AIOHTTP: Abilities = {
  cannot: NO_FRAGMENTS,
  unsendable: [ALWAYS_A_CODE],
};
const TORNADO: Abilities = {
  cannot: { ...NO_FRAGMENTS, "cut by peer": NONE.cut },
};

/** Every implementation, in the order of the tables. */
export const MAKES: readonly Make[] = [
  { name: "ws", start: node("ws"), client: {}, server: {} },
  { name: "undici", start: node("undici"), client: UNDICI },
  { name: "faye", start: node("faye"), client: FAYE, server: FAYE },
  {
    name: "websocket",
    start: node("websocket"),
    client: WEBSOCKET,
    server: WEBSOCKET,
  },
  { name: "node", start: node("node"), client: NODE_JS },
  {
    name: "bun",
    start: start(BUN, `${PEERS}run.mjs`, "bun"),
    client: BUN_CLIENT,
    server: BUN_SERVER,
  },
  {
    name: "deno",
    start: start(Deno.execPath(), "run", "-A", `${SOURCES}run.mjs`, "deno"),
    client: DENO,
    server: { ...DENO, unsendable: [NO_1014] },
  },
  { ...python("websockets"), client: WEBSOCKETS, server: WEBSOCKETS },
  { ...python("aiohttp"), client: AIOHTTP, server: AIOHTTP },
  { ...python("tornado"), client: TORNADO, server: TORNADO },
  {
    name: "chromium",
    program: CHROMIUM.command,
    start: () => BrowserChannel.open(CHROMIUM),
    client: BROWSER_LIKE,
  },
  {
    name: "firefox",
    program: FIREFOX.command,
    start: () => BrowserChannel.open(FIREFOX),
    client: BROWSER_LIKE,
  },
];

/** The implementation of a name. */
export function makeNamed(name: string): Make {
  const make = MAKES.find((make) => make.name === name);
  if (make === undefined) throw new Error(`There is no peer ${name}`);
  return make;
}
