import { assertEquals } from "@std/assert";
import { EventQueue, type PoolEvent } from "./events.ts";

function setUp(capacity: number, known: string[] = ["a", "b", "c", "d"]) {
  const queue = new EventQueue<PoolEvent>(capacity, (id) => known.includes(id));
  let at = 0;
  const push = (id: string) => queue.push({ id, at: ++at, session: at });
  const rest = () => {
    const events: [string, number, number | undefined][] = [];
    for (let event = queue.queue.shift(); event; event = queue.queue.shift()) {
      events.push([event.id, event.at, event.missed]);
    }
    return events;
  };
  return { queue, push, rest };
}

Deno.test("While there is space nothing is missed", () => {
  const { queue, push, rest } = setUp(4);
  for (const id of ["a", "b", "a"]) push(id);
  assertEquals(rest(), [["a", 1, undefined], ["b", 2, undefined], [
    "a",
    3,
    undefined,
  ]]);
  assertEquals(queue.missed, 0);
});

Deno.test("A peer's older events are dropped in favour of its newest, which says how many", () => {
  const { queue, push, rest } = setUp(3);
  for (const id of ["a", "b", "a", "a"]) push(id);
  assertEquals(rest(), [["b", 2, undefined], ["a", 4, 2]]);
  assertEquals(queue.missed, 2);
});

Deno.test("If a peer has none, the oldest of all is dropped, and the next event of its peer counts it", () => {
  const { queue, push, rest } = setUp(2);
  for (const id of ["a", "b", "c"]) push(id);
  assertEquals(rest(), [["b", 2, undefined], ["c", 3, undefined]]);
  for (let i = 0; i < 2; i++) push("a");
  assertEquals(rest(), [["a", 4, 1], ["a", 5, undefined]]);
  assertEquals(queue.missed, 1);
});

Deno.test("Nothing is kept for peers that are gone", () => {
  const { push, rest } = setUp(1, ["b"]);
  for (const id of ["a", "b", "a"]) push(id);
  assertEquals(rest(), [["a", 3, undefined]]);
});
