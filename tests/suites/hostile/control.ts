/** What a program of the hostile suite can be asked. */
export type Question =
  | { readonly ask: "reset" | "report" | "undial" }
  | { readonly ask: "attack"; readonly name: string; readonly count: number }
  | { readonly ask: "served"; readonly name: string }
  | { readonly ask: "dial"; readonly urls: readonly string[] };

/** What the victim has to say since it was last reset. */
export interface VictimReport {
  /** Resident memory now, and the most there was, in bytes. */
  readonly rss: number;
  readonly peak: number;
  /** Processor time of the process, user and system, in milliseconds; never reset. */
  readonly cpu: number;
  /** The events and errors of its pools and listeners, and how often each came. */
  readonly seen: Readonly<Record<string, number>>;
  /** Peers other than the healthy ones, at present. */
  readonly hostile: number;
}

/** What the attackers have to say. */
export interface AttackReport {
  /** How each attack ended for the attacker, and how often. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Bytes that were written. */
  readonly bytes: number;
}

/** Answers questions of other programs. Gives the port. */
export function answer(
  handler: (question: Question) => object | Promise<object>,
): number {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => Response.json(await handler(await request.json())),
  );
  return server.addr.port;
}

/** Asks another program. */
export async function ask<Answer>(
  port: number,
  question: Question,
  signal: AbortSignal = AbortSignal.timeout(60_000),
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}`, {
    method: "POST",
    body: JSON.stringify(question),
    signal,
  });
  return await response.json();
}

/** Counts words. */
export class Tally {
  readonly counts: Record<string, number> = {};

  add(word: string): void {
    this.counts[word] = (this.counts[word] ?? 0) + 1;
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
