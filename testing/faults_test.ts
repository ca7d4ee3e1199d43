import { assertThrows } from "@std/assert";
import { ConfigError } from "../transport/base/errors.ts";
import { checkFaults, type Faults, NO_FAULTS } from "./faults.ts";

Deno.test("faults that make no sense are refused, and named", () => {
  checkFaults({});
  checkFaults(NO_FAULTS);
  const wrong: [Faults, string][] = [
    [{ delay: -1 }, "delay: it must be"],
    [{ throttle: NaN }, "throttle: it must be"],
    [{ corruption: 1.1 }, "corruption: it must be"],
    [{ cutAt: -1 }, "cutAt: it must be"],
    // @ts-expect-error not one of the words
    [{ stall: true }, 'stall: it must be one of false, "hold", "swallow"'],
    // @ts-expect-error not one of the words
    [{ cutWith: "fin" }, 'cutWith: it must be one of "reset", "end"'],
  ];
  for (const [faults, message] of wrong) {
    assertThrows(() => checkFaults(faults), ConfigError, message);
  }
});
