import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigError } from "./errors.ts";
import { checkFields, type OptionNames } from "./options.ts";

interface Options {
  readonly size?: number | undefined;
  readonly name?: string | undefined;
}

const NAMES: OptionNames<Options> = { size: true, name: true };

function refused(options: object, homes = {}): ConfigError {
  return assertThrows(
    () => checkFields("connection.", NAMES, options, homes),
    ConfigError,
  );
}

Deno.test("Options that are known, and unknown ones that are undefined, are accepted", () => {
  checkFields("", NAMES, {});
  checkFields("", NAMES, undefined);
  checkFields("", NAMES, { size: 1, name: "x" });
  const left: object = { other: undefined };
  checkFields("", NAMES, left);
});

Deno.test("An unknown option is refused with its name and what is allowed", () => {
  for (const name of ["siez", "constructor", "toString", "__proto__x", ""]) {
    const error = refused({ [name]: 1 });
    assertEquals(error.code, "unknown-option");
    assertEquals(error.field, `connection.${name}`);
    assertStringIncludes(error.message, "size, name");
  }
  assertEquals(refused({ other: null }).code, "unknown-option");
});

Deno.test("A misplaced option is refused with the place where it belongs", () => {
  const error = refused({ path: "/" }, { path: "listen()" });
  assertEquals(error.code, "misplaced-option");
  assertEquals(error.field, "connection.path");
  assertStringIncludes(error.message, "It belongs to listen().");
});

Deno.test("Options that are not an object are refused", () => {
  for (const options of [null, 1, "x", []]) {
    const error = assertThrows(
      () => Reflect.apply(checkFields, undefined, ["", NAMES, options]),
      ConfigError,
    );
    assertEquals([error.code, error.field], ["invalid-option", "options"]);
  }
});
