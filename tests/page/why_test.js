// The parts of a forecast and the weather in words.

import { deepEqual, equal } from "node:assert/strict";
import { ageWords, weatherSentences } from "../../api/page/assets/weather.js";
import { partsOf, shares } from "../../api/page/assets/why.js";

const PARTS = { level: [100, 100], calendar: [-4, 0], recent_load: [1, 1], weather: [10, 10], recent_errors: [0.01, 0], trees: [1, 0], limits: [1, 0] };

Deno.test("trees and limits are one part on the page, and an answer without parts has none", () => {
  deepEqual(partsOf({ parts: PARTS }).trees, [2, 0]);
  equal("limits" in partsOf({ parts: PARTS }), false);
  equal(partsOf({ parts: null, reason: "x" }), null);
  equal(partsOf(null), null);
});

Deno.test("shares are relative to the level, the largest first, without what is next to nothing", () => {
  equal(shares(partsOf({ parts: PARTS }), 200), "weather +10.0 %, calendar −2.0 %, recent load +1.0 %, trees and limits +1.0 %");
});

Deno.test("the age of a run is in hours for two days, then in days", () => {
  deepEqual([0.4, 6.2, 47, 72].map(ageWords), ["0 h", "6 h", "47 h", "3 days"]);
});

Deno.test("what is wrong with the weather is said, and nothing where nothing is", () => {
  const well = { run: { start: "2023-01-24T18:00:00Z" }, stale_reason: "", source: { title: "Sky", missed_runs: 0, failing_reason: "" } };
  deepEqual(weatherSentences(well), []);
  deepEqual(weatherSentences(null), []);
  deepEqual(weatherSentences({ ...well, run: null, source: { title: "Sky", missed_runs: 1, failing_reason: "away" } }), [
    "No run of its weather has been published: it is forecast from load alone.",
    "Sky: 1 run is overdue.",
    "Its weather source fails: away.",
  ]);
});
