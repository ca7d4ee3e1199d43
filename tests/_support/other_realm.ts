import { Connection, type ConnectionOptions } from "../../mod.ts";
import { runInNewContext } from "node:vm";

const TYPES = ["ArrayBuffer", "Uint8Array", "Uint16Array", "Uint32Array"];

/** Replaces the global types until it is disposed. */
export function anotherRealm(): Disposable {
  const own = TYPES.map((name) => [name, Reflect.get(globalThis, name)]);
  for (const name of TYPES) {
    Reflect.set(globalThis, name, runInNewContext(name));
  }
  return {
    [Symbol.dispose]() {
      for (const [name, type] of own) Reflect.set(globalThis, name, type);
    },
  };
}

/**
 * Sends texts and bytes to an echo. Returns whether an extension was agreed on, the lengths of the answers, and whether
 * the end was clean.
 */
export async function exchange(
  url: string,
  options: ConnectionOptions,
): Promise<unknown> {
  const connection = new Connection(url, { retry: false, ...options });
  await connection.connect();
  const lengths: unknown[] = [connection.extensions !== ""];
  for (const length of [0, 3, 200, 70_000]) {
    await connection.send("x".repeat(length));
    lengths.push((await connection.incoming.take())?.length);
    await connection.send(new Uint8Array(length));
    lengths.push((await connection.incoming.take())?.length);
  }
  const { clean } = await connection.close();
  return [...lengths, clean];
}
