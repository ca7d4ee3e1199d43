import { assert, assertEquals } from "@std/assert";
import { Sessions } from "./sessions.ts";

Deno.test("Each peer's sessions are counted from 1", () => {
  const sessions = new Sessions();
  assertEquals(["a", "a", "b", "a"].map((id) => sessions.next(id)), [
    1,
    2,
    1,
    3,
  ]);
});

Deno.test("No number comes twice for a peer, however many others there were", () => {
  const sessions = new Sessions();
  const first = [sessions.next("a"), sessions.next("a")];
  for (let i = 0; i < 20_000; i++) sessions.next(`peer ${i}`);
  assert(sessions.next("a") > Math.max(...first));
});

Deno.test("A peer that comes now and then is not forgotten, however many others come once", () => {
  const sessions = new Sessions();
  for (let i = 0; i < 5; i++) sessions.next("busy");
  assertEquals(sessions.next("a"), 1);
  for (let i = 0; i < 5_000; i++) sessions.next(`early ${i}`);
  assertEquals(sessions.next("a"), 2);
  for (let i = 0; i < 5_000; i++) sessions.next(`late ${i}`);
  assertEquals(sessions.next("a"), 3);
  assertEquals(sessions.next("busy"), 6);
});
