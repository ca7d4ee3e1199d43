import { assertEquals } from "@std/assert";

/** Installs an npm package into a folder, and returns the path of a file of it. */
export async function install(
  folder: string,
  name: string,
  file: string,
): Promise<string> {
  const { code } = await new Deno.Command("npm", {
    args: ["install", "--prefix", folder, "--silent", "--ignore-scripts", name],
  }).output();
  assertEquals(code, 0);
  return `${folder}/node_modules/${file}`;
}

/** Returns a TCP port that is free at present. */
export function freePort(): number {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  listener.close();
  return listener.addr.port;
}
