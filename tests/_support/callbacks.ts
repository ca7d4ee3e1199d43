/** What the tests of callbacks share: what a callback may do that it should not, and a table of what comes of it. */

import { assertEquals } from "@std/assert";
import { Connection, HandshakeError, InboundPool, listen } from "../../mod.ts";

/** The names of the options of `T` that are functions, or may be. */
type FunctionNames<T> = {
  [K in keyof T]-?:
    Extract<NonNullable<T[K]>, (...args: never[]) => unknown> extends never
      ? never
      : K;
}[keyof T];
/** What comes of each way to misbehave: one for all, or by way with an outcome for the rest. */
export type Outcomes =
  | string
  | ({ readonly rest: string } & Record<string, string>);
export type Table<T> = Readonly<Record<FunctionNames<T> & string, Outcomes>>;

const WAYS: Readonly<Record<string, () => unknown>> = {
  "throws": () => {
    throw new Error("odd");
  },
  "throws undefined": () => {
    throw undefined;
  },
  "rejects": () => Promise.reject(new Error("odd")),
  "never settles": () => new Promise(() => {}),
  "returns undefined": () => undefined,
  "returns NaN": () => NaN,
  "returns a promise of true": () => Promise.resolve(true),
  "returns a number": () => 7,
  "returns a string": () => "odd",
  "returns an object": () => ({ odd: true }),
};
export const HOST = "127.0.0.1";
export const PACE = { pingInterval: 20, closeTimeout: 200 };
export const QUICK = { ...PACE, handshakeTimeout: 500 };

function outcomeOf(outcomes: Outcomes, way: string): string {
  return typeof outcomes === "string"
    ? outcomes
    : outcomes[way] ?? outcomes.rest;
}

/** Dials once: `connected`, or the status of the refusal. */
export async function knock(port: number, path: string): Promise<string> {
  const connection = new Connection(`ws://${HOST}:${port}${path}`, {
    retry: false,
    headers: { origin: "https://app.example" },
    protocols: ["chat"],
    ...PACE,
  });
  try {
    await connection.connect();
    await connection.send("hello");
    const echo = await connection.incoming.take();
    return echo === "hello" ? "connected" : `got ${echo}`;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : error;
    return cause instanceof HandshakeError
      ? `${cause.status ?? cause.code}`
      : String(cause);
  } finally {
    await connection.close();
  }
}

export function echo(pool: InboundPool): void {
  void (async () => {
    for await (const { id, data } of pool.inbox) pool.trySend(id, data);
  })();
}

/** Lets `act` misbehave for requests whose path is `/odd`. */
export function oddly(act: () => unknown, good: () => unknown) {
  // What a program in JavaScript may give.
  return (request: unknown) => {
    const { url = "", request: inner } = Object(request);
    return `${inner?.url ?? url}`.endsWith("/odd") ? act() : good();
  };
}

/** Tests each option of a table in each way. */
export function table<T>(
  scope: string,
  outcomes: Table<T>,
  run: (name: string, act: () => unknown) => Promise<string>,
): void {
  for (const [name, expected] of Object.entries<Outcomes>(outcomes)) {
    Deno.test(`${scope}: ${name}`, async () => {
      const came: Record<string, string> = {};
      for (const [way, act] of Object.entries(WAYS)) {
        came[way] = await run(name, act);
      }
      assertEquals(
        came,
        Object.fromEntries(
          Object.keys(WAYS).map((way) => [way, outcomeOf(expected, way)]),
        ),
      );
    });
  }
}

/** A server that answers, and what is needed to see that it and others are well. */
export async function withServer(
  run: (port: number, server: InboundPool) => Promise<string>,
): Promise<string> {
  const pool = new InboundPool("server", { connection: PACE });
  echo(pool);
  const listener = listen({ hostname: HOST });
  await listener.ready;
  const serving = pool.serve(listener);
  const outcome = await run(listener.port, pool);
  assertEquals(await knock(listener.port, "/good"), "connected");
  await pool.close();
  await listener.close();
  await serving;
  return outcome;
}

export const OBSERVER: Outcomes = {
  rest: "connected",
  "throws": "connected, logged",
  "throws undefined": "connected, logged",
  "rejects": "connected, logged",
};
