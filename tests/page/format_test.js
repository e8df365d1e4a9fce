// Numbers, moments and durations as the page writes them.

import { equal } from "node:assert/strict";
import { clock, compact, count, day, duration, hourOfDay, isoDay, number, percent, signed, utc, words, zoneName } from "../../api/page/assets/format.js";

const COPENHAGEN = "Europe/Copenhagen";
const WINTER = Date.parse("2023-01-24T22:00:00Z");
const SUMMER = Date.parse("2023-07-24T22:00:00Z");

Deno.test("large numbers have no decimals and small ones four digits", () => {
  equal(number(66845.6), "66,846");
  equal(number(-1234.5), "-1,235");
  equal(number(5.43219), "5.432");
  equal(number(0), "0");
  equal(compact(70_000).toLowerCase(), "70k"); // the letter depends on the version of the locale data
});

Deno.test("a percentage that is missing is a dash, and 0 is none", () => {
  equal(percent(6.44), "6.4 %");
  equal(percent(0), "0.0 %");
  equal(percent(null), "–");
  equal(percent(undefined), "–");
});

Deno.test("moments are in the zone of the source, in summer and in winter", () => {
  equal(clock(WINTER, COPENHAGEN), "23:00");
  equal(clock(SUMMER, COPENHAGEN), "00:00");
  equal(hourOfDay(SUMMER, COPENHAGEN), 0);
  equal(day(WINTER, COPENHAGEN), "Tue 24 Jan");
  equal(day(SUMMER, COPENHAGEN), "Tue 25 Jul");
  equal(utc(WINTER), "24 Jan 2023, 22:00 UTC");
  equal(zoneName(WINTER, "UTC"), "UTC");
});

Deno.test("both hours that a clock set back shows twice are written alike and differ in UTC", () => {
  const first = Date.parse("2023-10-29T00:00:00Z");
  const second = Date.parse("2023-10-29T01:00:00Z");
  equal(clock(first, COPENHAGEN), "02:00");
  equal(clock(second, COPENHAGEN), "02:00");
  equal(utc(first) === utc(second), false);
});

Deno.test("durations change their unit where the number would grow long", () => {
  equal(duration(-5), "0 s");
  equal(duration(89_400), "89 s");
  equal(duration(90_000), "2 min");
  equal(duration(5_399_000), "90 min");
  equal(duration(5_400_000), "2 h");
  equal(duration(47 * 3_600_000), "47 h");
  equal(duration(48 * 3_600_000), "2 days");
});

Deno.test("counts have a singular, a plural and a separator", () => {
  equal(count(1, "hour"), "1 hour");
  equal(count(0, "hour"), "0 hours");
  equal(count(2, "series", "series"), "2 series");
  equal(count(51604, "row"), "51,604 rows");
});

Deno.test("names of columns become words", () => {
  equal(words("ConsumerType_DE35"), "Consumer Type DE35");
  equal(words("PriceArea"), "Price Area");
});

Deno.test("a difference has a sign, and none where it is 0", () => {
  equal(signed(1234.4), "+1,234");
  equal(signed(-5.5), "−5.5");
  equal(signed(0), "0");
  equal(signed(-0.04, 1), "0.0");
  equal(signed(2.25, 1), "+2.3");
});

Deno.test("the day of the calendar is that of the zone", () => {
  equal(isoDay(Date.parse("2023-01-24T23:30:00Z"), COPENHAGEN), "2023-01-25");
  equal(isoDay(Date.parse("2023-01-24T23:30:00Z"), "America/New_York"), "2023-01-24");
});
