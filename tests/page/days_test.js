// Days of the calendar, the issues that a choice means, and what is said of their values.

import { deepEqual, equal, ok } from "node:assert/strict";
import { addDays, between, changeWords, daysKept, errorWords, firstHour, isDay, iso, momentOn, momentText, planOf, totalOf, totalUnit } from "../../api/page/assets/days.js";

const HOUR_MS = 3_600_000;
const COPENHAGEN = "Europe/Copenhagen";
const at = (text) => Date.parse(`${text}Z`);

const hoursOf = (date, zone) => (firstHour(addDays(date, 1), zone) - firstHour(date, zone)) / HOUR_MS;

Deno.test("a day begins at its local midnight and has 23, 24 or 25 hours", () => {
  equal(iso(firstHour("2023-01-25", COPENHAGEN)), "2023-01-24T23:00:00Z");
  deepEqual(["2023-03-26", "2023-07-01", "2023-10-29"].map((date) => hoursOf(date, COPENHAGEN)), [23, 24, 25]);
  deepEqual(["2023-03-12", "2023-11-05"].map((date) => hoursOf(date, "America/New_York")), [23, 25]);
});

Deno.test("where midnight is not at a full hour of UTC, a day begins with the first hour that starts in it", () => {
  equal(iso(firstHour("2023-01-25", "Asia/Kolkata")), "2023-01-24T19:00:00Z"); // 00:30 there
  equal(iso(firstHour("2023-01-25", "Pacific/Auckland")), "2023-01-24T11:00:00Z");
  equal(iso(firstHour("2023-01-25", "Pacific/Kiritimati")), "2023-01-24T10:00:00Z");
  equal(iso(firstHour("2023-01-25", "Pacific/Niue")), "2023-01-25T11:00:00Z");
});

Deno.test("a time of day is a moment, also on a day of 25 hours and in a zone with half hours", () => {
  equal(iso(momentOn("2023-01-25", "11:00", COPENHAGEN)), "2023-01-25T10:00:00Z");
  equal(iso(momentOn("2023-10-29", "02:00", COPENHAGEN)), "2023-10-29T00:00:00Z");
  equal(iso(momentOn("2023-10-29", "11:45", COPENHAGEN)), "2023-10-29T10:45:00Z");
  equal(iso(momentOn("2023-01-25", "11:00", "Asia/Kolkata")), "2023-01-25T05:30:00Z");
});

Deno.test("days are counted over the ends of months, and what is no day is none", () => {
  equal(addDays("2024-02-28", 1), "2024-02-29");
  equal(addDays("2023-01-01", -1), "2022-12-31");
  deepEqual(["2023-01-25", "2023-02-30", "2023-1-2", "tomorrow", ""].map(isDay), [true, false, false, false, false]);
});

Deno.test("a sum of power is energy, a sum of energy stays what it is", () => {
  deepEqual(["kW", "MW", "GW", "kWh", "MWh", "m3"].map(totalUnit), ["kWh", "MWh", "GWh", "kWh", "MWh", "m3"]);
});

const NOW = at("2023-01-25T10:00:00"); // 11:00 in Copenhagen
const SERIES = { zone: COPENHAGEN, now: NOW, since: at("2023-01-10T00:00:00"), gates: [] };
const plan = (day, issue = null, against = null, more = {}) => planOf({ day, issue, against }, { ...SERIES, ...more });

Deno.test("tomorrow is the local day after the present hour of the source, as it stands, next to nothing", () => {
  const { date, start, kind, issue, against } = plan("tomorrow");
  deepEqual([date, iso(start), kind, issue.value, against.value], ["2023-01-26", "2023-01-25T23:00:00Z", "future", "newest", "none"]);
  equal(plan("tomorrow", null, null, { now: at("2023-01-25T23:00:00") }).date, "2023-01-27");
  equal(plan("2023-01-26").kind, "future");
});

Deno.test("a past day is shown as it was forecast when it began, next to what was observed, and at other ages", () => {
  const past = plan("2023-01-22");
  deepEqual([past.kind, past.issue.value, past.against.value], ["past", "0", "observed"]);
  deepEqual(past.issues.map(({ value, at }) => [value, iso(at)]), [
    ["0", "2023-01-21T23:00:00Z"], ["1", "2023-01-21T22:00:00Z"], ["6", "2023-01-21T17:00:00Z"], ["12", "2023-01-21T11:00:00Z"],
  ]);
  equal(plan("2023-01-22", "6").issue.text, "6 h before the day began");
  deepEqual(plan("2023-01-22", "6").comparisons.map(({ value }) => value), ["observed", "0", "1", "12"]);
});

Deno.test("an age of which no forecast is kept, or that lies ahead, cannot be chosen", () => {
  deepEqual(plan("2023-01-11", null, null, { since: at("2023-01-10T18:00:00") }).issues.map(({ value }) => value), ["0", "1"]);
  deepEqual(plan("tomorrow").issues.map(({ value }) => value), ["newest"]);
  deepEqual(plan("tomorrow", null, null, { now: at("2023-01-25T12:00:00") }).issues.map(({ value }) => value), ["newest", "12"]);
  equal(plan("2023-01-22", "newest").issue.value, "0");
  equal(plan("tomorrow", "6").issue.value, "newest");
});

Deno.test("today and tomorrow are compared with what was said at each of the last hours", () => {
  const { comparisons } = plan("tomorrow");
  equal(comparisons.length, 25);
  deepEqual([comparisons[1].value, comparisons[1].text], ["2023-01-25T09:00:00Z", "Forecast of 10:00, 1 h ago"]);
  equal(comparisons[12].text, "Forecast of 23:00 yesterday, 12 h ago");
  const chosen = "2023-01-23T05:00:00Z";
  equal(plan("tomorrow", null, chosen).against.text, "Forecast of Mon 23 Jan, 06:00, 2 days ago");
  equal(plan("today", null, "2023-01-25T05:00:00Z").against.at, at("2023-01-25T05:00:00"));
  equal(plan("today", null, "2020-01-01T05:00:00Z").against.value, "observed", "none is kept of then");
});

Deno.test("the gates of a day that were kept can be chosen", () => {
  const gates = [{ gate: "11:00", first: "2023-01-20", last: "2023-01-26" }];
  const past = plan("2023-01-22", "11:00", null, { gates });
  deepEqual([past.issue.gate, iso(past.issue.at)], ["11:00", "2023-01-21T10:00:00Z"]);
  equal(plan("2023-01-19", "11:00", null, { gates }).issue.value, "0");
});

Deno.test("the days that can be chosen are those whose beginning or end is forecast", () => {
  const kept = (since, until) => daysKept({ since: at(since), until: at(until), zone: COPENHAGEN });
  deepEqual(kept("2023-01-10T23:00:00", "2023-01-27T01:00:00"), { first: "2023-01-11", last: "2023-01-27" });
  deepEqual(kept("2023-01-10T23:00:01", "2023-01-26T23:00:00"), { first: "2023-01-12", last: "2023-01-26" });
  equal(daysKept({ since: null, until: null, zone: COPENHAGEN }), null);
});

Deno.test("a moment is named by its clock, by yesterday, or by its day", () => {
  deepEqual(["2023-01-25T05:00:00", "2023-01-24T05:00:00", "2023-01-23T05:00:00"].map((text) => momentText(at(text), NOW, COPENHAGEN)),
    ["06:00", "06:00 yesterday", "Mon 23 Jan, 06:00"]);
});

const rows = (...values) => values.map(([p50, other], i) => ({ ms: at("2023-01-24T23:00:00") + i * HOUR_MS, p10: p50 === null ? null : p50 - 10, p50, p90: p50 === null ? null : p50 + 10, other, observed: other }));

Deno.test("the error of a day is said by its total, its hours and its worst hour", () => {
  const found = between(rows([110, 100], [100, 100], [130, 100]));
  deepEqual([found.hours, found.forecast, found.other, found.inBand], [3, 340, 300, 2]);
  deepEqual(errorWords(found, 3, "kWh", COPENHAGEN), [
    "13.3 % too high in total: forecast 340 kWh, observed 300 kWh.",
    "Hour by hour it was off by 13.3 % of what was observed (WAPE), at most by 30 kWh (30.0 %), too high, at 02:00. 2 of 3 hours lie within the 10–90 % band.",
  ]);
});

Deno.test("errors that even out are right in total, and hours without a value do not count", () => {
  const [total, hours] = errorWords(between(rows([110, 100], [90, 100], [null, 100], [100, null])), 4, "MW", COPENHAGEN);
  equal(total, "Right in total: forecast 200 MWh, observed 200 MWh.");
  ok(hours.startsWith("Over the 2 of 4 hours that are forecast and observed. Hour by hour it was off by 10.0 %"), hours);
});

Deno.test("a day without energy has an error without a percentage", () => {
  const [total, hours] = errorWords(between(rows([3, 0], [0, 0])), 2, "kWh", COPENHAGEN);
  equal(total, "3 kWh too high: forecast 3 kWh, observed 0 kWh.");
  equal(hours, "At most off by 3 kWh, too high, at 00:00. 2 of 2 hours lie within the 10–90 % band.");
});

Deno.test("nothing to compare is said", () => {
  equal(between(rows([null, 1], [2, null])), null);
  deepEqual(errorWords(null, 24, "kWh", COPENHAGEN), ["No hour is both forecast and observed yet."]);
  deepEqual(changeWords(null, 24, "kWh", COPENHAGEN, "06:00", false), ["No hour is in both forecasts."]);
});

Deno.test("what has changed since an earlier forecast is said by total and hour", () => {
  deepEqual(changeWords(between(rows([110, 100], [80, 100])), 2, "kWh", COPENHAGEN, "06:00", false), [
    "190 kWh in total, −10 kWh (−5.0 %) since 06:00.",
    "It was 200 kWh. The largest change is at 01:00: −20 kWh (−20.0 %).",
  ]);
  deepEqual(changeWords(between(rows([1, 1])), 1, "kWh", COPENHAGEN, "06:00", true), ["No change since 06:00: no newer forecast was made."]);
  deepEqual(changeWords(between(rows([1, 1])), 1, "kWh", COPENHAGEN, "06:00", false), ["No change since 06:00: the newer forecast has the same values."]);
});

Deno.test("the total of a day is what was observed of it and what is forecast of the rest", () => {
  const day = [{ p50: null, observed: 5 }, { p50: 7, observed: 6 }, { p50: 8, observed: null }];
  deepEqual(totalOf(day), { observed: 5, observedHours: 1, forecast: 15, forecastHours: 2, total: 20 });
  equal(totalOf([...day, { p50: null, observed: null }]), null);
  equal(totalOf([]), null);
});
