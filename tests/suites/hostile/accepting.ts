import type { Knock } from "./knocks.ts";
import { pause } from "./control.ts";
import { Program } from "../_support/program.ts";

/** Descriptors of the process that listens, and connections that use them up. */
const DESCRIPTORS = 256;
const TOO_MANY = 400;
/** Milliseconds within which a good client is served after the attack. */
const SOON = 1_000;
/** Attacks by name: how many connections each takes in the short and the long form. */
const ATTACKS = {
  "connect and reset": { attack: "reset", short: 500, long: 5_000, lasts: 0 },
  // No more than wait in the system until they are accepted.
  "reset before it is accepted": {
    attack: "early",
    short: 100,
    long: 100,
    lasts: 0,
  },
  "half a head and reset": {
    attack: "half",
    short: 200,
    long: 2_000,
    lasts: 0,
  },
  "descriptors used up": {
    attack: "descriptors",
    short: TOO_MANY,
    long: TOO_MANY,
    lasts: 1_000,
  },
} as const;
const LISTENERS = ["tcp", "tls", "reusePort", "unix", "node"];

/** How an attack went. */
export interface Outcome {
  readonly name: string;
  /** Milliseconds until each listener served a good client. */
  readonly served: string;
  readonly broken: readonly string[];
}

/** What `knocks.ts` says of an attack. */
interface Knocked {
  /** Milliseconds, or -1 if it was not served. */
  readonly served: Readonly<Record<string, number>>;
  readonly lost: readonly string[];
}

/**
 * Attacks that end before the connection is accepted or the head is there, and those that use up the descriptors of the
 * process, on listeners of every kind. Afterwards each of them serves a good client within a second, and the clients
 * that were connected before are still there.
 *
 * @param full Whether the descriptors are used up for 10 s instead of 3 s.
 * @param only A part of the names of the attacks that are made.
 */
export async function* attackAccepting(
  full: boolean,
  only: string,
): AsyncGenerator<Outcome> {
  const knocks = Object.entries(ATTACKS)
    .flatMap(([title, { attack, short, long, lasts }]) =>
      LISTENERS.map((listener): [string, Knock] => [`${title}: ${listener}`, {
        attack,
        listener,
        count: full ? long : short,
        lasts: lasts * (full ? 10 : 3),
      }])
    ).filter(([name]) => name.includes(only));
  if (knocks.length === 0) return;
  const path = `/tmp/honeybee-hostile-${Deno.pid}.sock`;
  const flags = [
    `--allow-net=unix:${path}`,
    `--allow-read=${path}`,
    `--allow-write=${path}`,
  ];
  const listeners = new Program<
    { ports: Record<string, number>; errors: Record<string, number> }
  >("hostile/listeners.ts", [path], flags, DESCRIPTORS);
  const { ports } = await listeners.next();
  if (ports === undefined) throw new Error("The listeners did not start");
  const attacker = new Program<Knocked>("hostile/knocks.ts", [
    JSON.stringify(ports),
    path,
  ], flags);
  await attacker.next();
  for (const [name, knock] of knocks) {
    await attacker.tell(JSON.stringify(knock));
    await attacker.next();
    if (knock.attack === "early") listeners.signal("SIGSTOP");
    // A listener reports each shortage once, and may take a moment to see that the last one is over.
    if (knock.attack === "descriptors") await pause(SOON);
    await attacker.tell();
    await attacker.next();
    if (knock.attack === "early") listeners.signal("SIGCONT");
    await attacker.tell();
    const { served = {}, lost = [] } = await attacker.next();
    await listeners.tell();
    const { errors = {} } = await listeners.next();
    const broken = LISTENERS.filter((listener) => !isSoon(served[listener]))
      .map((listener) => `${listener} served nobody within ${SOON} ms`);
    broken.push(...lost.map((listener) => `${listener} lost a good client`));
    if (knock.attack === "descriptors" && !tellsShortage(errors)) {
      broken.push("no listener reported that there were no descriptors");
    }
    yield { name, served: JSON.stringify(served), broken };
  }
  await attacker.kill();
  await listeners.kill();
}

function isSoon(milliseconds = -1): boolean {
  return milliseconds >= 0 && milliseconds <= SOON;
}

function tellsShortage(errors: Readonly<Record<string, number>>): boolean {
  return Object.keys(errors).some((text) =>
    /EMFILE|too many open files|os error 24/i.test(text)
  );
}
