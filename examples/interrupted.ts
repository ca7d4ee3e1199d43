/** Milliseconds that a peer has to answer the close frame. */
export const CLOSE_TIMEOUT = 3_000;
/** Milliseconds after which the process ends in any case. */
const LIMIT = 4_500;

/**
 * A signal that aborts on SIGINT and SIGTERM: give it to pools and listeners, and they close. Connections that cannot
 * be terminated (a native socket whose peer does not answer, an HTTP connection that is kept alive) keep the process
 * alive for at most 5 s.
 */
export function interrupted(): AbortSignal {
  const controller = new AbortController();
  const stop = () => {
    controller.abort();
    Deno.unrefTimer(setTimeout(() => Deno.exit(), LIMIT));
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const name of signals) Deno.addSignalListener(name, stop);
  controller.signal.addEventListener("abort", () => {
    for (const name of signals) Deno.removeSignalListener(name, stop);
  }, { once: true });
  return controller.signal;
}

/** Resolves when a signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** The port on the command line, else one that is free. */
export function port(): number {
  return Number(Deno.args[0] ?? 0);
}
