import { assertEquals, assertThrows } from "@std/assert";
import { createLog } from "../transport/base/logging.ts";
import { AssertionError } from "./assertion_error.ts";
import {
  assertAttribute,
  assertLogSequence,
  findLogRecord,
  LogCapture,
} from "./log_capture.ts";

function someLogs(): LogCapture {
  const logs = new LogCapture();
  logs.debug("dialling", { peer_id: "a" });
  logs.info("connected", { peer_id: "a" });
  logs.warn("slow", { peer_id: "b", depth: 3 });
  logs.error("failed", { peer_id: "b" });
  return logs;
}

Deno.test("a log capture keeps what the library's logger writes", () => {
  const logs = new LogCapture();
  const log = createLog({ logger: logs }, { pool_id: "p" });
  log?.debug("one");
  log?.info("two", { peer_id: "a" });
  assertEquals(logs.records, [
    {
      level: "debug",
      message: "one",
      attributes: { module: "honeybee", pool_id: "p" },
    },
    {
      level: "info",
      message: "two",
      attributes: { module: "honeybee", pool_id: "p", peer_id: "a" },
    },
  ]);
});

Deno.test("loggers that share records keep one order, each with its own attributes", () => {
  const logs = new LogCapture({ attributes: { app: 1 } });
  const child = logs.child({ part: "x" });
  const other = new LogCapture({ records: logs.records });
  logs.info("first");
  child.info("second", { more: true });
  other.warn("third");
  assertEquals(logs.records.map((r) => [r.message, r.attributes]), [
    ["first", { app: 1 }],
    ["second", { app: 1, part: "x", more: true }],
    ["third", {}],
  ]);
  child.clear();
  assertEquals(other.records, []);
});

Deno.test("a record is found by its message, a pattern, or parts of it", () => {
  const logs = someLogs();
  assertEquals(findLogRecord(logs, "slow")?.level, "warn");
  assertEquals(findLogRecord(logs, /conn/)?.message, "connected");
  assertEquals(
    findLogRecord(logs.records, { attributes: { peer_id: "b" } })?.message,
    "slow",
  );
  assertEquals(
    findLogRecord(logs, (record) => record.level === "error")?.message,
    "failed",
  );
  assertEquals(findLogRecord(logs, "conn"), undefined);
});

Deno.test("a sequence may have gaps but must be in order, one record a pattern", () => {
  const logs = someLogs();
  const found = assertLogSequence(logs, ["dialling", "slow", {
    level: "error",
  }]);
  assertEquals(found.map((record) => record.message), [
    "dialling",
    "slow",
    "failed",
  ]);
  assertEquals(assertLogSequence(logs, []), []);
  assertThrows(
    () => assertLogSequence(logs, ["slow", "connected"]),
    AssertionError,
    'record 2 of 2, "connected", does not come after',
  );
  assertThrows(
    () => assertLogSequence(logs, ["slow", "slow"]),
    AssertionError,
  );
  assertThrows(
    () => assertLogSequence([], ["slow"]),
    AssertionError,
    "is missing. Logged were: none",
  );
});

Deno.test("an attribute is checked for being there, or for its value", () => {
  const record = findLogRecord(someLogs(), "slow");
  assertAttribute(record, "depth");
  assertAttribute(record, "depth", 3);
  assertAttribute(record, "peer_id", /^b$/);
  assertThrows(() => assertAttribute(record, "depth", 4), AssertionError, "4");
  assertThrows(
    () => assertAttribute(record, "depth", undefined),
    AssertionError,
    "undefined",
  );
  assertThrows(
    () => assertAttribute(record, "none"),
    AssertionError,
    "no attribute none",
  );
  assertThrows(
    () => assertAttribute(undefined, "depth"),
    AssertionError,
    "no log record",
  );
});
