// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * A listener that sends back what it receives. Prints its port, and each error that concerns no single peer:
 * `listener.ts KIND PATH`
 *
 * @module
 */

import process from "node:process";
import { Connection } from "../../../mod.ts";
import { LISTENER_KINDS, startListening } from "./listener_kinds.ts";

const [, , name, path = ""] = process.argv;
const kind = LISTENER_KINDS.find((kind) => kind === name) ?? "tcp";
const { port } = await startListening(kind, path, {
  accepted(socket) {
    const connection = new Connection(socket);
    void (async () => {
      for await (const message of connection.incoming) {
        await connection.send(message).catch(() => {});
      }
    })();
  },
  error: ({ message }) => console.log(`error ${message}`),
});
console.log(`port ${port}`);
