/** A signal that aborts on SIGINT and SIGTERM: give it to pools and listeners, and they drain. */
export function interrupted(): AbortSignal {
  const controller = new AbortController();
  const stop = () => controller.abort();
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
