import { assertEquals } from "@std/assert";
import { seededRandom } from "../../testing/seeded_random.ts";
import { Ring } from "./ring.ts";

Deno.test("A ring does what an array does, whatever the order of calls", () => {
  const random = seededRandom(7);
  const ring = new Ring<number>();
  const model: number[] = [];
  for (let i = 1; i < 20_000; i++) {
    const draw = random();
    // Long runs of either kind make it grow, wrap and empty.
    if (draw < (i % 4_000 < 2_500 ? 0.7 : 0.2)) {
      ring.push(i);
      model.push(i);
    } else if (draw < 0.999) {
      assertEquals(ring.shift(), model.shift());
    } else {
      const drained: number[] = [-1];
      ring.drainTo(drained);
      assertEquals(drained, [-1, ...model.splice(0)]);
    }
    assertEquals(ring.size, model.length);
  }
});
