// The lines of series that are compared.

import { deepEqual } from "node:assert/strict";
import { lineOf, relative } from "../../api/page/assets/compare.js";

const HOUR_MS = 3_600_000;
const time = (hour) => new Date(hour * HOUR_MS).toISOString();
const observations = { valid_time: [0, 1, 2].map(time), value: [5, null, 7] };

Deno.test("a line is what was observed, and from there what is forecast", () => {
  const forecast = { leads: 2, origin: time(2), p50: [8, 9] };
  deepEqual(lineOf({ observations, forecast }, 0, 6), [5, null, 7, 8, 9, null]);
  deepEqual(lineOf({ observations, forecast: null }, HOUR_MS, 3), [null, 7, null]);
});

Deno.test("a late forecast does not replace what was observed since", () => {
  deepEqual(lineOf({ observations, forecast: { leads: 3, origin: time(0), p50: [1, 2, 3] } }, 0, 4), [5, 1, 7, 3]);
});

Deno.test("relative values are in per cent of the mean of the known ones", () => {
  deepEqual(relative([1, null, 3]), [50, null, 150]);
  deepEqual(relative([0, 0]), [0, 0]);
});
