/**
 * What byte streams and listeners do when it takes time, or a process of its own: the long parts of the contract, and
 * listeners that run out of descriptors.
 *
 * `deno task suite streams`
 *
 * @module
 */

import { assert } from "@std/assert";
import { dialRaw } from "../../mod.ts";
import { CA } from "../../transport/_support/certificates.ts";
import {
  CONTRACT,
  pause,
  runCase,
} from "../../transport/net/_support/stream_contract.ts";
import {
  abortEverywhere,
  OPENINGS,
} from "../../transport/net/_support/openings.ts";
import { STREAM_KINDS } from "../../transport/net/_support/stream_kinds.ts";

for (const kind of STREAM_KINDS) {
  for (const part of CONTRACT) {
    if (!part.isLong && !kind.isUnix) continue;
    Deno.test(`${kind.name}: ${part.name}`, () => runCase(kind, part));
  }
}

for (const opening of OPENINGS) {
  if (opening.path === undefined) continue;
  Deno.test(`an opening that is aborted leaves nothing open, at whatever moment: ${opening.name}`, () =>
    abortEverywhere(opening));
}

/** More connections than the listener's process has descriptors. */
const CROWD = 90;
const DESCRIPTORS = 64;
/** How long a process of Deno takes to have what it needs, in milliseconds. */
const STARTED = 2_000;
/** How long the descriptors are used up, in milliseconds; then all are free at once. */
const SHORTAGE = 7_000;
const PROGRAM = new URL("streams/exhausted.ts", import.meta.url).pathname;
const PATH = `/tmp/honeybee-streams-${Deno.pid}.sock`;

for (const kind of ["tcp", "tls", "reusePort", "unix"] as const) {
  Deno.test(`a listener without descriptors says so, and goes on when there are some: ${kind}`, async () => {
    const process = new Deno.Command("bash", {
      args: [
        "-c",
        `ulimit -n ${DESCRIPTORS}; exec "$0" run -A "$1" "$2" "$3"`,
        Deno.execPath(),
        PROGRAM,
        kind,
        PATH,
      ],
      // It would read certificates, and Deno itself does not survive a shortage while it starts.
      env: { DENO_NO_UPDATE_CHECK: "1" },
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const lines: string[] = [];
    const reading = (async () => {
      for await (
        const text of process.stdout.pipeThrough(new TextDecoderStream())
      ) lines.push(...text.split("\n"));
    })();
    const says = async (what: RegExp, milliseconds: number) => {
      for (let i = 0; i < milliseconds / 20; i++) {
        const found = lines.find((line) => what.test(line));
        if (found !== undefined) return found;
        await pause(20);
      }
      throw new Error(`${what} was not said: ${lines}`);
    };
    try {
      const port = Number((await says(/^port/, 20_000)).slice(5));
      await pause(STARTED);
      const crowd: Deno.Conn[] = [];
      for (let i = 0; i < CROWD; i++) {
        crowd.push(
          kind === "unix"
            ? await Deno.connect({ transport: "unix", path: PATH })
            : await Deno.connect({ hostname: "127.0.0.1", port }),
        );
      }
      await pause(SHORTAGE);
      const shortages = lines.filter((line) => line.startsWith("error"));
      assert(shortages.length > 0 && shortages.length < 5, String(shortages));
      assert(/too many open files|EMFILE/i.test(shortages[0] ?? ""));
      for (const conn of crowd) conn.close();
      const scheme = kind === "tls" ? "wss" : "ws";
      const started = performance.now();
      const socket = await dialRaw(`${scheme}://localhost:${port}`, {
        caCerts: [CA],
        handshakeTimeout: 20_000,
        ...(kind === "unix" && { unix: PATH }),
      });
      assert(performance.now() - started < 5_000);
      socket.terminate();
      await says(/^accepted/, 5_000);
    } finally {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has ended already, and the test has failed before.
      }
      await Promise.all([process.status, reading]);
      if (kind === "unix") await Deno.remove(PATH).catch(() => {});
    }
  });
}
