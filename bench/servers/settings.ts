// deno-lint-ignore-file no-console -- the port goes to standard output
import type { CompressionOptions, PeerAddress } from "../../mod.ts";

/** What a server is to do, from its arguments. */
export function settings(): {
  readonly binary: "copy" | "view";
  readonly compression: CompressionOptions | undefined;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
} {
  const has = (flag: string) => Deno.args.includes(flag);
  const value = (flag: string) => Deno.args[Deno.args.indexOf(flag) + 1] ?? "";
  return {
    binary: has("--copy") ? "copy" : "view",
    compression: has("--deflate") ? { threshold: 0 } : undefined,
    tls: has("--cert")
      ? {
        cert: Deno.readTextFileSync(value("--cert")),
        key: Deno.readTextFileSync(value("--key")),
      }
      : undefined,
  };
}

/** Tells who started it where it listens. */
export function announce(addr: PeerAddress): void {
  if (addr.transport === "tcp") {
    console.log(JSON.stringify({ port: addr.port }));
  }
}
