/** Runs the load in a process of its own. @module */
import { type LoadOptions, type LoadResult, makePayload } from "./load.ts";

const HERE = new URL(".", import.meta.url).pathname;
const PROGRAM = `${HERE}.peers/load`;
const LOAD_MS = 30_000;

let compiled: Promise<boolean> | undefined;

/** Compiles the load in C, once. Without a C compiler the load in TypeScript takes its place. */
async function compile(): Promise<boolean> {
  await Deno.mkdir(`${HERE}.peers`, { recursive: true });
  try {
    const { success } = await new Deno.Command("cc", {
      args: ["-O2", "-o", PROGRAM, `${HERE}load.c`],
    }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function command(options: LoadOptions): Promise<[string, string[]]> {
  const { kind, type, port, size, connections, window, pid } = options;
  const plain = options.caCert === undefined && !options.deflate;
  if (!plain || !await (compiled ??= compile())) {
    return [Deno.execPath(), [
      "run",
      "-A",
      `${HERE}load.ts`,
      JSON.stringify(options),
    ]];
  }
  const payload = makePayload(type, size);
  const file = `${HERE}.peers/payload`;
  await Deno.writeFile(file, payload);
  const { warmup, seconds } = options;
  const opcode = type === "binary" ? 2 : 1;
  return [
    PROGRAM,
    [
      port,
      kind,
      payload.length,
      connections,
      window,
      warmup * 1_000,
      seconds * 1_000,
      pid,
      file,
      opcode,
    ].map(String),
  ];
}

/**
 * Puts load on a server.
 *
 * @throws When no message came back, or none was checked.
 */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const [program, args] = await command(options);
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(LOAD_MS),
  }).output();
  const text = new TextDecoder().decode(success ? stdout : stderr);
  if (!success) {
    throw new Error(text.split("\n")[0] || "The load did not end in time");
  }
  const result: LoadResult = JSON.parse(text);
  if (result.messages === 0) throw new Error("No message came back");
  if (result.checked === 0) throw new Error("No message was checked");
  return result;
}
