// deno-lint-ignore-file no-console -- its result goes to standard output
import process from "node:process";
import { tests } from "./register.mjs";

/** A test that takes longer has failed. */
const LIMIT_MS = 60_000;

const context = { step: (_name, fn) => fn(context) };

/** Runs all tests, one after the other, and ends the process with code 1 if one failed. */
export async function runTests() {
  let failed = 0;
  for (const { name, fn } of tests) {
    let timer;
    try {
      const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error("took too long")), LIMIT_MS);
      });
      await Promise.race([fn(context), late]);
    } catch (error) {
      failed++;
      console.log(`${name} ... FAILED\n${error?.stack ?? error}`);
    } finally {
      clearTimeout(timer);
    }
  }
  console.log(`${tests.length - failed} passed, ${failed} failed`);
  process.exit(failed === 0 && tests.length > 0 ? 0 : 1);
}
