// The part of a chart that is zoomed into.

import { deepEqual, equal } from "node:assert/strict";
import { cropped, rangeOf } from "../../api/page/assets/zoom.js";

const HOUR_MS = 3_600_000;
const hours = (n, from = 0) => Array.from({ length: n }, (_, i) => from + i);
const DATA = {
  start: 0, observed: hours(48), references: [{ name: "r", values: hours(72) }], temperature: null, parts: null, marked: [{ kind: "set-aside", start: 10 * HOUR_MS, end: 50 * HOUR_MS }],
  forecast: { start: 48 * HOUR_MS, p10: hours(24), p50: hours(24, 100), p90: hours(24, 200) }, earlier: { start: 24 * HOUR_MS, p50: hours(24, 300), name: "e" }, message: "",
};

Deno.test("a range is whole hours, in any direction, not too few, and within the chart", () => {
  deepEqual(rangeOf(30.4, 10, 72), [10, 31]);
  deepEqual(rangeOf(70, 71, 72), [66, 72]);
  deepEqual(rangeOf(-5, 3, 72), [0, 9]);
  equal(rangeOf(0, 71, 72), null);
});

Deno.test("every line is cut to the hours that are shown", () => {
  const found = cropped(DATA, [40, 60]);
  deepEqual([found.start, found.length], [40 * HOUR_MS, 20]);
  deepEqual(found.observed, hours(8, 40));
  deepEqual(found.references[0].values, hours(20, 40));
  deepEqual([found.forecast.start, found.forecast.p50], [48 * HOUR_MS, hours(12, 100)]);
  deepEqual([found.earlier.start, found.earlier.p50], [40 * HOUR_MS, hours(8, 316)]);
  deepEqual(found.marked, [{ kind: "set-aside", start: 40 * HOUR_MS, end: 50 * HOUR_MS }]);
});

Deno.test("a part that lies before the forecast has none of it", () => {
  const found = cropped(DATA, [0, 12]);
  deepEqual([found.forecast, found.observed.length, found.earlier], [null, 12, null]);
  const ahead = cropped(DATA, [50, 62]);
  deepEqual([ahead.observed, ahead.forecast.start, ahead.forecast.p50[0]], [[], 50 * HOUR_MS, 102]);
});
