import { readdirSync } from "node:fs";

/** Waits for a time in milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until an assertion holds, at most about two seconds. */
export async function settled(check: () => void): Promise<void> {
  for (let i = 0;; i++) {
    try {
      return check();
    } catch (error) {
      if (i === 100) throw error;
      await pause(20);
    }
  }
}

/** Returns how many descriptors the process has open, where that can be seen; else 0. */
export function countDescriptors(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return 0;
  }
}
