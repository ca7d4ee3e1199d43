/** Runs the load in a process of its own. @module */
import type { LoadOptions, LoadResult } from "./load.ts";

const LOAD = new URL("load.ts", import.meta.url).pathname;
const LOAD_MS = 20_000;

/**
 * Puts load on a server.
 *
 * @throws When no message came back, or none was checked.
 */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", LOAD, JSON.stringify(options)],
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
