// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * The attackers of the hostile suite, in a process of their own. Says its port, then attacks when asked.
 *
 * @module
 */

import { answer, type AttackReport, pause, Tally } from "./hostile_control.ts";
import { type Doors, ON_SERVERS } from "./hostile_on_servers.ts";
import { Pace, Wire } from "./hostile_wire.ts";

const MIB = 1_048_576;
/** Milliseconds that an attack lasts at least, so that the others' round trips can be measured. */
const LEAST = 500;

const [plain = 0, secure = 0, patient = 0] = Deno.args.map(Number);

const control = answer((question) =>
  question.ask === "attack" ? attack(question.name, question.count) : {}
);
console.log(JSON.stringify({ control }));

/** Attacks servers with `count` attackers at a time. */
async function attack(name: string, count: number): Promise<AttackReport> {
  const terms = ON_SERVERS[name];
  const verdicts = new Tally();
  if (terms === undefined) return { verdicts: {}, bytes: 0 };
  const pace = new Pace(terms.rate ?? MIB);
  const connects = new Pace(terms.connects ?? 100);
  const open = async (port: number, listens = true) => {
    await connects.take(1);
    return await Wire.open(port, pace, listens);
  };
  const doors: Doors = {
    plain: (listens) => open(plain, listens),
    secure: () => open(secure),
    patient: () => open(patient),
  };
  const until = performance.now() + LEAST;
  await Promise.all(
    Array.from({ length: count }, async (_, number) => {
      do {
        verdicts.add(
          await terms.run(doors, number)
            .catch((error) => `failed: ${error.message}`),
        );
        await pause(1);
      } while (!terms.once && performance.now() < until);
    }),
  );
  return { verdicts: verdicts.counts, bytes: pace.bytes };
}
