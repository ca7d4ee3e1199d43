import { freePort } from "../_support/install.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
/** The pages whose programs are run. */
const PAGES = ["README.md", "EXTEND.md", "docs", "docs/guides"];
/** A program that takes longer has failed. */
const LIMIT_MS = 30_000;

/** A program of a page. */
interface Program {
  /** The page and the line at which the program begins. */
  readonly place: string;
  readonly text: string;
}

/** A runtime: its command and the arguments before the file. */
export type Runtime = readonly [command: string, ...args: string[]];

/**
 * Writes the programs of the documentation that run on every runtime into a folder, one file each.
 *
 * @returns The names of the files.
 */
export async function writePrograms(folder: string): Promise<string[]> {
  await Deno.mkdir(folder);
  const names: string[] = [];
  for (const { place, text } of await programs(/^```(?:ts|js)$/)) {
    // These need `Deno.serve`.
    if (/\bDeno\./.test(text)) continue;
    const name = `${place.replace(/[^\w]+/g, "_")}.ts`;
    await Deno.writeTextFile(`${folder}/${name}`, text);
    names.push(name);
  }
  return names;
}

/**
 * Runs programs one after the other.
 *
 * @throws {Error} With the output of those that fail or do not end.
 */
export async function runPrograms(
  runtime: Runtime,
  files: readonly string[],
): Promise<void> {
  const [command, ...args] = runtime;
  if (files.length === 0) throw new Error("There are no programs");
  const failures: string[] = [];
  for (const file of files) {
    const { success, stdout, stderr } = await new Deno.Command(command, {
      args: [...args, file],
      env: { NO_COLOR: "1" },
      signal: AbortSignal.timeout(LIMIT_MS),
    }).output();
    const decoder = new TextDecoder();
    const output = decoder.decode(stdout) + decoder.decode(stderr);
    if (!success) failures.push(`${file}\n${output}`);
  }
  if (failures.length > 0) throw new Error(failures.join("\n"));
}

/**
 * Runs the server for Node.js and Bun of the README, on a free port, as a page, a client and another client would use it.
 *
 * @throws {Error} If it does not answer.
 */
export async function runNodeServer(
  [command, ...args]: Runtime,
  folder: string,
): Promise<void> {
  const found = (await programs(/^```js ignore$/)).find(({ place, text }) =>
    place.startsWith("README") && text.includes("node:http")
  );
  if (found === undefined) throw new Error("The README has no such program");
  const port = freePort();
  const file = `${folder}/node_server.mjs`;
  await Deno.writeTextFile(file, found.text.replaceAll("8080", `${port}`));
  const server = new Deno.Command(command, { args: [...args, file] }).spawn();
  try {
    const deadline = Date.now() + LIMIT_MS;
    while (await page(port) !== "hello") {
      if (Date.now() > deadline) throw new Error("The server does not answer");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    for (const message of ["first", "second"]) {
      if (await echo(port, message) !== message) {
        throw new Error(`The server does not echo "${message}"`);
      }
    }
  } finally {
    server.kill("SIGKILL");
    await server.status;
  }
}

async function page(port: number): Promise<string | undefined> {
  try {
    return await (await fetch(`http://127.0.0.1:${port}`)).text();
  } catch {
    return undefined;
  }
}

/** Returns the answer to a message, `undefined` if none comes. */
async function echo(
  port: number,
  message: string,
): Promise<string | undefined> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  const answer = await new Promise<string | undefined>((resolve) => {
    socket.onopen = () => socket.send(message);
    socket.onmessage = ({ data }) => resolve(data);
    socket.onclose = () => resolve(undefined);
  });
  socket.close();
  return answer;
}

/** Returns the programs of all pages whose fence has a certain form. */
async function programs(fence: RegExp): Promise<Program[]> {
  const found: Program[] = [];
  for (const page of await pages()) {
    let lines: string[] | undefined;
    let place = "";
    const text = await Deno.readTextFile(`${ROOT}${page}`);
    for (const [index, line] of text.split("\n").entries()) {
      if (lines === undefined) {
        if (!fence.test(line)) continue;
        lines = [];
        place = `${page}:${index + 1}`;
      } else if (line === "```") {
        found.push({ place, text: lines.join("\n") });
        lines = undefined;
      } else lines.push(line);
    }
  }
  return found;
}

async function pages(): Promise<string[]> {
  const found: string[] = [];
  for (const entry of PAGES) {
    if (entry.endsWith(".md")) {
      found.push(entry);
      continue;
    }
    for await (const { name } of Deno.readDir(`${ROOT}${entry}`)) {
      if (name.endsWith(".md")) found.push(`${entry}/${name}`);
    }
  }
  return found.sort();
}
