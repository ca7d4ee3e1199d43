import { assertEquals, assertRejects } from "@std/assert";
import type { LookupFunction } from "node:net";
import { handled } from "../../base/promise.ts";
import { pause } from "../_support/settled.ts";
import { openAddress } from "./open_node.ts";

const HOST = "127.0.0.1";
const { signal } = new AbortController();

/** Resolves a name to two addresses. */
function resolvesTo(second: string, family: 4 | 6): LookupFunction {
  return (_name, { all }, done) =>
    all
      ? done(null, [
        { address: HOST, family: 4 },
        { address: second, family },
      ])
      : done(null, HOST, 4);
}

/** A name whose second address refuses. */
const TWO = {
  host: "localhost",
  lookup: resolvesTo("::1", 6),
  autoSelectFamily: true,
};

/** Connects until the system accepts no more, so that it ignores the first packet of the next connection. */
async function fill(address: Deno.NetAddr): Promise<Deno.Conn[]> {
  const conns: Deno.Conn[] = [];
  for (;;) {
    const { hostname, port } = address;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), 100);
    try {
      conns.push(await Deno.connect({ hostname, port, signal: abort.signal }));
    } catch {
      return conns;
    } finally {
      clearTimeout(timer);
    }
  }
}

Deno.test("a slow address of a host gets more time if the others fail", async () => {
  const listener = Deno.listen({
    hostname: HOST,
    port: 0,
    tcpBacklog: 1,
  });
  const { port } = listener.addr;
  const conns = await fill(listener.addr);
  const opening = handled(
    openAddress({ ...TWO, port }, signal),
  );
  // Longer than runtimes try an address, and shorter than the system waits before it sends the first packet again.
  await pause(800);
  const accepting = (async () => {
    for await (const conn of listener) conns.push(conn);
  })();
  const { stream } = await opening;
  stream.destroy();
  listener.close();
  await accepting;
  for (const conn of conns) conn.close();
});

Deno.test("a host whose addresses all refuse is not tried again", async () => {
  let lookups = 0;
  const error = await assertRejects(() =>
    openAddress({
      ...TWO,
      port: 1,
      lookup: (...request) => {
        lookups++;
        TWO.lookup(...request);
      },
    }, signal)
  );
  assertEquals([Reflect.get(Object(error), "code"), lookups], [
    "ECONNREFUSED",
    1,
  ]);
});

Deno.test("an address for which the program has no permission does not end the process", async () => {
  const lookup = resolvesTo("127.0.0.9", 4);
  const error = await assertRejects(() =>
    openAddress({ host: "localhost", port: 1, lookup }, signal)
  );
  assertEquals(Reflect.get(Object(error), "code"), "ECONNREFUSED");
});

Deno.test("if the first address of a host refuses, the first one of the other family is tried, with permission for certain hosts only", async () => {
  const listener = Deno.listen({ hostname: HOST, port: 0 });
  const { port } = listener.addr;
  const accepting = listener.accept();
  const lookup: LookupFunction = (_name, { all, family }, done) => {
    if (all) {
      done(null, [
        { address: "::1", family: 6 },
        { address: HOST, family: 4 },
      ]);
    } else if (family === 4) done(null, HOST, 4);
    else done(null, "::1", 6);
  };
  const { stream } = await openAddress(
    { host: "localhost", port, lookup },
    signal,
  );
  stream.destroy();
  (await accepting).close();
  listener.close();
});
