// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * The attackers of the hostile suite, in a process of their own. Says its port, then attacks when asked.
 *
 * @module
 */

import { answer, type AttackReport, pause, Tally } from "./control.ts";
import { ON_INBOUND } from "./on_inbound.ts";
import { ON_LISTENERS } from "./on_listeners.ts";
import { ON_OUTBOUND } from "./on_outbound.ts";
import { type Dialers, MIB, PATIENCE } from "./terms.ts";
import { Pace, Wire } from "./wire.ts";

/** Milliseconds that an attack lasts at least, so that the others' round trips can be measured. */
const LEAST = 350;

const [plain = 0, secure = 0, patient = 0] = Deno.args.map(Number);

/** What the hostile server has done since it was last asked. */
let served = attackOn("");
const server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
void serve();
const control = answer((question) => {
  if (question.ask === "attack") return attack(question.name, question.count);
  const { outcomes, pace } = served;
  served = attackOn("name" in question ? question.name : "");
  return { outcomes: outcomes.counts, bytes: pace.bytes };
});
console.log(
  JSON.stringify({ control, url: `ws://127.0.0.1:${server.addr.port}` }),
);

/** A fresh account of an attack on clients. */
function attackOn(name: string): { outcomes: Tally; pace: Pace } {
  return {
    outcomes: new Tally(),
    pace: new Pace(ON_OUTBOUND[name]?.rate ?? MIB),
  };
}

/** Attacks servers with `count` attackers at a time. */
async function attack(name: string, count: number): Promise<AttackReport> {
  const terms = ON_LISTENERS[name] ?? ON_INBOUND[name];
  const outcomes = new Tally();
  if (terms === undefined) return { outcomes: {}, bytes: 0 };
  const pace = new Pace(terms.rate ?? MIB);
  const connects = new Pace(terms.connects ?? 100);
  const open = async (port: number, listens = true) => {
    await connects.take(1);
    return await Wire.open(port, pace, listens);
  };
  const dialers: Dialers = {
    plain: (listens) => open(plain, listens),
    secure: () => open(secure),
    tls: async () => {
      await connects.take(1);
      return await Wire.secure(secure, pace);
    },
    patient: () => open(patient),
  };
  const until = performance.now() + LEAST;
  await Promise.all(
    Array.from({ length: count }, async (_, number) => {
      do {
        outcomes.add(
          await terms.run(dialers, number)
            .catch((error) => `failed: ${error.message}`),
        );
        await pause(1);
      } while (!terms.once && performance.now() < until);
    }),
  );
  return { outcomes: outcomes.counts, bytes: pace.bytes };
}

/** Attacks every client that dials, in the way that its path asks for. */
async function serve(): Promise<void> {
  let number = 0;
  for await (const conn of server) {
    void oppose(conn, number++);
  }
}

async function oppose(conn: Deno.TcpConn, number: number): Promise<void> {
  const { outcomes, pace } = served;
  using wire = new Wire(conn, pace, true);
  await wire.answered();
  const [, name = ""] = /^GET \/([^/ ]*)/.exec(wire.observer.head) ?? [];
  const terms = ON_OUTBOUND[decodeURIComponent(name)];
  if (terms === undefined) return;
  await terms.serve(wire, number);
  outcomes.add(await wire.outcome(PATIENCE));
}
