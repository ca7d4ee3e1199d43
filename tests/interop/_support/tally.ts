// deno-lint-ignore-file no-console -- a suite prints its results
import { within } from "./deadline.ts";
import type { Cell, Matrix, RowNames } from "./matrix.ts";

/** Milliseconds that one check may take. */
const LIMIT = 60_000;

/** Counts checks, prints each, and enters them into a matrix. */
export class Tally {
  passed = 0;
  failed = 0;
  readonly skipped: string[] = [];

  /** Runs a check and enters what came of it. */
  async check(
    matrix: Matrix,
    names: RowNames,
    column: string,
    run: () => Promise<void>,
    held: Cell = { outcome: "yes" },
  ): Promise<void> {
    const row = names.join(" → ");
    const start = performance.now();
    try {
      await within("The check", run(), LIMIT);
      this.passed++;
      matrix.set(names, column, held);
      const time = Math.round(performance.now() - start);
      console.log(`${row}: ${column} ... ok (${time} ms)`);
    } catch (error) {
      this.failed++;
      matrix.set(names, column, { outcome: "no" });
      console.log(`${row}: ${column} ... FAILED`, error);
    }
  }

  /** Runs a check that is in no matrix. */
  async run(what: string, run: () => Promise<void>): Promise<void> {
    try {
      await run();
      this.passed++;
      console.log(`${what} ... ok`);
    } catch (error) {
      this.fail(what, error);
    }
  }

  /** Counts a failure outside a check. */
  fail(what: string, error: unknown): void {
    this.failed++;
    console.log(`${what} ... FAILED`, error);
  }

  /** Notes what cannot run here. */
  skip(what: string, reason: string): void {
    this.skipped.push(what);
    console.log(`${what} skipped: ${reason}`);
  }
}
