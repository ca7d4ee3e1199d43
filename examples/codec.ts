// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * A codec as a layer on a connection: converts typed messages from and to JSON. Text that is not a message of this
 * protocol ends the connection with close code 4000.
 *
 * `deno run --allow-net examples/codec.ts [PORT]` adds up the numbers that a peer sends, as `{"add":1}`.
 *
 * @module
 */

import { Connection, listen } from "@honeybee/honeybee";
import { interrupted, port } from "./interrupted.ts";

const NOT_JSON = 4_000;

interface Add {
  readonly add: number;
}

interface Sum {
  readonly sum: number;
}

function decode(data: string | Uint8Array): Add {
  const value: unknown = typeof data === "string" ? JSON.parse(data) : data;
  const add: unknown = Reflect.get(Object(value), "add");
  if (typeof add !== "number") throw new Error("add must be a number");
  return { add };
}

/** The messages of a connection, decoded. Ends with the connection. */
async function* messages(connection: Connection): AsyncGenerator<Add, void> {
  for await (const data of connection.incoming) yield decode(data);
}

async function serve(connection: Connection): Promise<void> {
  let sum = 0;
  try {
    for await (const { add } of messages(connection)) {
      const answer: Sum = { sum: sum += add };
      await connection.send(JSON.stringify(answer));
    }
  } catch (error) {
    void connection.close(
      NOT_JSON,
      error instanceof Error ? error.message : "",
    );
  }
}

const signal = interrupted();
const listener = listen({ port: port(), hostname: "127.0.0.1", signal });
await listener.ready;
console.log(`ws://127.0.0.1:${listener.port}`);
for await (const incoming of listener) {
  void serve(new Connection(incoming.accept(), { signal }));
}
