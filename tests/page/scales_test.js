// Ticks of an axis.

import { deepEqual, ok } from "node:assert/strict";
import { niceTicks } from "../../api/page/assets/scales.js";

Deno.test("ticks are round and span the values", () => {
  deepEqual(niceTicks([61_000, 94_000], 5), [60_000, 70_000, 80_000, 90_000, 100_000]);
  deepEqual(niceTicks([3, 98], 5), [0, 25, 50, 75, 100]);
});

Deno.test("an axis starts at 0 where the values come near it, from either side", () => {
  ok(niceTicks([10, 100], 5).includes(0));
  ok(niceTicks([-100, -10], 5).includes(0));
  ok(!niceTicks([80, 100], 5).includes(0));
});

Deno.test("no values, one value and zeros also have an axis", () => {
  for (const values of [[], [0], [0, 0], [7], [-7], [1e-9], [1e12]]) {
    const ticks = niceTicks(values, 5);
    ok(ticks.length >= 2, `${values}: ${ticks}`);
    ok(ticks.every(Number.isFinite), `${values}: ${ticks}`);
    ok(values.every((value) => ticks[0] <= value && value <= ticks.at(-1)), `${values}: ${ticks}`);
  }
});

Deno.test("the number of ticks stays near what was asked for", () => {
  for (let power = -6; power <= 9; power++) {
    for (const digits of [1, 1.7, 2.3, 4.9, 9.99]) {
      const high = digits * 10 ** power;
      const ticks = niceTicks([0, high], 5);
      ok(ticks.length >= 3 && ticks.length <= 8, `${high}: ${ticks}`);
      ok(ticks.at(-1) >= high * 0.999999, `${high}: ${ticks}`);
    }
  }
});
