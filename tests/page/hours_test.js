// Missing hours, and hours that stand alone.

import { deepEqual } from "node:assert/strict";
import { aloneIn, gapsOf } from "../../api/page/assets/hours.js";

const HOUR_MS = 3_600_000;
const START = Date.parse("2023-01-24T00:00:00Z");
const at = (i) => START + i * HOUR_MS;

Deno.test("runs of hours without a value are gaps", () => {
  deepEqual(gapsOf(START, [1, null, null, 2, null], at(-500)), [[1, 2], [4, 4]]);
  deepEqual(gapsOf(START, [1, 2], at(-500)), []);
});

Deno.test("the hours before the first one of a series are no gap", () => {
  deepEqual(gapsOf(START, [null, null, 3, null, 4], at(2)), [[3, 3]]);
  deepEqual(gapsOf(START, [null, null, 3], at(2)), []);
  deepEqual(gapsOf(START, [null, null], null), []);
});

Deno.test("a value between two hours without one stands alone", () => {
  deepEqual(aloneIn([null, null, 3]), [2]);
  deepEqual(aloneIn([5]), [0]);
  deepEqual(aloneIn([1, null, 0, null, 2, 3]), [0, 2]);
  deepEqual(aloneIn([null]), []);
});
