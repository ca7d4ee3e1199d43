// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * A listener that sends back what it receives. Prints its port, and each error that concerns no single peer:
 * `listener.ts DOOR PATH`
 *
 * @module
 */

import process from "node:process";
import { Connection } from "../../../mod.ts";
import { DOORS, openDoor } from "./doors.ts";

const [, , kind, path = ""] = process.argv;
const door = DOORS.find((door) => door === kind) ?? "tcp";
const { port } = await openDoor(door, path, {
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
