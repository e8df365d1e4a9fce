// Missing hours, and hours that stand alone.

import { deepEqual } from "node:assert/strict";
import { aloneIn, byHour, gapsOf, profileSentence } from "../../api/page/assets/hours.js";

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

Deno.test("hours that the profile forecasts behind those of a model are named", () => {
  const said = (leads, rungs) => profileSentence({ leads, rung: rungs[0] ?? 5, day_rungs: rungs });
  deepEqual(said(50, [0, 3, 3]), "Hours 25 to 50 ahead come from the weekly or daily profile (rung 3).");
  deepEqual(said(96, [1, 3, 1, 3]), "Hours 25 to 48, 73 to 96 ahead come from the weekly or daily profile (rung 3).");
});

Deno.test("a forecast of one maker names no hours", () => {
  deepEqual(profileSentence(null), null);
  deepEqual(profileSentence({ leads: 24, rung: 0 }), null);
  deepEqual(profileSentence({ leads: 50, rung: 0, day_rungs: [0, 0, 0] }), null);
  deepEqual(profileSentence({ leads: 50, rung: 3, day_rungs: [3, 3, 3] }), null);
  deepEqual(profileSentence({ leads: 0, rung: 5, day_rungs: [] }), null);
});

Deno.test("values with their hours become a row of hours, cut to what is shown", () => {
  const times = [-1, 0, 2, 3].map((i) => new Date(at(i)).toISOString());
  deepEqual(byHour(START, 3, times, [7, 8, 9, 10]), [8, null, 9]);
  deepEqual(byHour(START, 2, [], []), [null, null]);
});
