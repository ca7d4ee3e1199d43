/** What another process takes of the machine, from `/proc`. @module */

const TICKS_A_SECOND = 100;

/** Seconds of processor time that a process has used. */
export function cpuOf(pid: number): number {
  const fields =
    Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/** Its resident memory in KiB. */
export function memoryOf(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]);
}
