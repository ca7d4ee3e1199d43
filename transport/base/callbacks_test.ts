import { assertEquals, assertStringIncludes } from "@std/assert";
import { decide, notify, perform } from "./callbacks.ts";
import { ConfigError } from "./errors.ts";

function isNumber(value: unknown): value is number {
  return typeof value === "number" && value >= 0;
}

const THENABLE = {
  then: (_: unknown, reject: (reason: unknown) => void) => reject("thenable"),
};

Deno.test("notify passes the arguments and ignores the result", () => {
  const seen: unknown[] = [];
  notify((a: number, b: string) => seen.push(a, b), fail, 1, "x");
  notify(undefined, fail);
  assertEquals(seen, [1, "x"]);
});

Deno.test("notify reports what the callback throws or rejects with", async () => {
  const errors: string[] = [];
  const onError = ({ message }: Error) => void errors.push(message);
  notify(() => {
    throw new Error("thrown");
  }, onError);
  notify(() => Promise.reject("rejected"), onError);
  notify(() => THENABLE, onError);
  notify(() => new Promise(() => {}), onError);
  await Promise.resolve().then(() => {}).then(() => {}).then(() => {});
  assertEquals(errors, ["thrown", "rejected", "thenable"]);
});

Deno.test("perform resolves when an async callback has settled, and reports its failure", async () => {
  const errors: string[] = [];
  const onError = ({ message }: Error) => void errors.push(message);
  assertEquals(perform(() => 3, onError), undefined);
  assertEquals(
    perform(() => {
      throw new Error("thrown");
    }, onError),
    undefined,
  );
  await perform((value: number) => Promise.resolve(value), onError, 3);
  assertEquals(errors, ["thrown"]);
  await perform(() => Promise.reject("rejected"), onError);
  await perform(() => THENABLE, onError);
  assertEquals(errors, ["thrown", "rejected", "thenable"]);
});

Deno.test("decide uses a value that fits and falls back for any other", async () => {
  const errors: string[] = [];
  const codes: string[] = [];
  const ask = (callback: () => unknown) =>
    decide(callback, {
      name: "retry",
      rule: "a number from 0",
      accepts: isNumber,
      fallback: 7,
      onError: (error) => {
        errors.push(error.message);
        if (error instanceof ConfigError) {
          codes.push(`${error.code} ${error.field}`);
        }
      },
    });
  assertEquals(ask(() => 3), 3);
  assertEquals(errors, []);
  const wrong = [NaN, -1, undefined, null, "3", {}, Promise.resolve(3)];
  for (const value of wrong) assertEquals(ask(() => value), 7);
  assertEquals(errors.length, wrong.length);
  assertEquals(codes, wrong.map(() => "invalid-result retry"));
  assertStringIncludes(errors[0] ?? "", "retry");
  assertStringIncludes(errors.at(-1) ?? "", "must not be async");
  assertEquals(
    ask(() => {
      throw new Error("thrown");
    }),
    7,
  );
  assertEquals(errors.at(-1), "thrown");
  const before = errors.length;
  assertEquals(ask(() => Promise.reject(new Error("later"))), 7);
  await Promise.resolve().then(() => {}).then(() => {});
  assertEquals(errors.slice(before + 1), ["later"]);
});

function fail(error: Error): void {
  throw error;
}
