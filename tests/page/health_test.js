// The tile of the series says what the chips and the rows of the table say; that of the sources what the API says.

import { equal } from "node:assert/strict";
import { seriesTile, sourcesTile } from "../../api/page/assets/health.js";
import { countStates } from "../../api/page/assets/states.js";

const of = (...states) => states.map((state) => ({ state }));
const quality = (missing, added) => ({ sources: [{ new_series: added, gaps: { missing_hours: missing } }] });

Deno.test("a series counts once: a stale one without a forecast is stale alone", () => {
  const list = of("fresh", "fresh", "stale", "no-forecast", "degraded");
  const tile = seriesTile(list, quality(0, 0));
  equal(tile.value, "2 of 5 fresh");
  equal(tile.note, "1 stale, 1 degraded, 1 without forecast");
  equal(tile.tone, "bad");
  equal(countStates(list).fresh, 2);
});

Deno.test("an expired forecast is not fresh and is as bad as a stale one", () => {
  const tile = seriesTile(of("fresh", "expired"), quality(0, 0));
  equal(tile.value, "1 of 2 fresh");
  equal(tile.note, "1 expired");
  equal(tile.tone, "bad");
});

Deno.test("a total is not counted in addition to its parts, nor its source", () => {
  const totals = { totals_of: "grid", name: "grid-totals", new_hour_at: null, newest_hour: null };
  const found = { sources: [...quality(0, 0).sources, { source: totals, new_series: 9, gaps: { missing_hours: 9 } }] };
  const tile = seriesTile([...of("fresh"), { state: "stale", totals_of: "grid" }], found);
  equal(tile.value, "1 of 1 fresh");
  equal(tile.note, "No gaps, and all on rung 0 or 1");
  equal(sourcesTile({ sources: [{ source: totals }] }).value, "None yet");
});

Deno.test("a degraded series is not fresh", () => {
  const tile = seriesTile(of("fresh", "degraded"), quality(0, 0));
  equal(tile.value, "1 of 2 fresh");
  equal(tile.tone, "warn");
});

Deno.test("where all are fresh the tile says gaps, then new series", () => {
  equal(seriesTile(of("fresh", "fresh"), quality(3, 1)).note, "3 hours missing this week");
  equal(seriesTile(of("fresh", "fresh"), quality(0, 1)).note, "1 new since a day ago");
  equal(seriesTile(of("fresh", "fresh"), quality(0, 2)).note, "No gaps, and all on rung 0 or 1");
});

Deno.test("an unknown list is unknown, and an empty one is not green", () => {
  equal(seriesTile(undefined, quality(0, 0), { message: "The API does not answer." }).note, "The API does not answer.");
  equal(seriesTile([], quality(0, 0)).tone, "idle");
});

const source = (name, more) => ({
  source: { name, newest_hour: "2024-01-01T00:00:00Z", new_hour_at: "2024-01-01T01:00:00Z", stale: false, failing: false, failing_since: null, ...more },
});

Deno.test("a source that never published an hour is named as such and is not stale", () => {
  const never = source("mine", { newest_hour: null, new_hour_at: null });
  const tile = sourcesTile({ sources: [source("sample"), never] });
  equal(tile.value, "1 of 2 without an hour");
  equal(tile.note, "mine: it has never published an hour");
  equal(tile.tone, "idle");
  equal(sourcesTile({ sources: [never] }).value, "Without an hour");
  equal(sourcesTile({ sources: [source("sample")] }).value, "Fresh");
});

Deno.test("a stale source comes before one that never published", () => {
  const never = source("mine", { newest_hour: null, new_hour_at: null });
  const stale = source("sample", { stale: true, stale_reason: "no new hour has come for 3.0 h" });
  equal(sourcesTile({ sources: [never, stale] }).value, "1 of 2 stale");
});
