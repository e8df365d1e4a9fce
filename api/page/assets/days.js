// Days of the calendar: their hours, the issues of a forecast that can be shown, and what two rows of values have between them.

import { clock, day, duration, isoDay, number, percent, signed } from "./format.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MOST_HOURS_AGO = 24;

/** Hours before the day began at which a forecast of it can be shown. */
export const AGES = [0, 1, 6, 12];

/** The day so many days after another, both as 2023-01-25. */
export const addDays = (date, n) => new Date(Date.parse(`${date}T00:00Z`) + n * DAY_MS).toISOString().slice(0, 10);

/** Whether a text is a day of the calendar, as 2023-01-25. */
export const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00Z`)) && addDays(text, 0) === text;

/** The first hour (ms) that starts on a day of the calendar of a zone; of the day after, where the zone skips the day. */
export function firstHour(date, zone) {
  const noon = Date.parse(`${date}T12:00Z`);
  let ms = noon - 30 * HOUR_MS; // zones are up to 14 h from UTC
  while (isoDay(ms, zone) < date) ms += HOUR_MS;
  return ms;
}

/** The moment (ms) of a time of day like 11:00; the first of two, or the hour after one that is skipped. */
export function momentOn(date, time, zone) {
  const start = firstHour(date, zone);
  const [hour, minute] = time.split(":").map(Number);
  for (let ms = start; ms < start + 26 * HOUR_MS; ms += 60_000 * (minute % 15 ? 1 : 15)) if (clock(ms, zone) === time) return ms;
  return start + (hour * 60 + minute) * 60_000;
}

/** Unit of a sum of hours: power becomes energy. */
export const totalUnit = (unit) => (/^[kMGT]?W$/.test(unit) ? `${unit}h` : unit);

/** The days of which forecasts are kept or reach, as first and last; null where there are none. */
export function daysKept({ since, until, zone }) {
  if (since === null || until === null) return null;
  const oldest = isoDay(since, zone);
  return { first: firstHour(oldest, zone) >= since ? oldest : addDays(oldest, 1), last: isoDay(until - HOUR_MS, zone) };
}

/**
 * What a choice means now.
 * @param {{day: string, issue: string|null, against: string|null}} choice `day` is today, tomorrow or a date
 * @param {{zone: string, now: number, since: number|null, gates: {gate: string, first: string, last: string}[]}} series
 * @returns the date, its first hour, past, today or future; the issue and what it is compared with, and the options of both
 */
export function planOf(choice, { zone, now, since, gates = [] }) {
  const today = isoDay(now, zone);
  const date = { today, tomorrow: addDays(today, 1) }[choice.day] ?? choice.day;
  const start = firstHour(date, zone);
  const kind = date < today ? "past" : date === today ? "today" : "future";
  const known = (at) => since !== null && at >= since && at <= now;
  const ages = AGES.map((age) => ({ value: String(age), at: start - age * HOUR_MS, text: ageText(age) })).filter(({ at }) => known(at));
  const kept = gates.filter(({ first, last }) => first <= date && date <= last)
    .map(({ gate }) => ({ value: gate, at: momentOn(addDays(date, -1), gate, zone), gate, text: `At the gate, ${gate} the day before` }));
  const newest = { value: "newest", at: null, text: "Newest" };
  const issues = [...(kind === "past" ? [] : [newest]), ...ages, ...kept];
  const issue = issues.find(({ value }) => value === choice.issue) ?? issues[0] ?? newest;
  const others = kind === "past" ? [...ages, ...kept].filter(({ value }) => value !== issue.value) : hoursAgo(now, zone, known, choice.against);
  const against = [kind === "future" ? { value: "none", at: null, text: "Nothing" } : { value: "observed", at: null, text: "Observed values" }, ...others];
  return { date, start, kind, zone, issue, issues, against: against.find(({ value }) => value === choice.against) ?? against[0], comparisons: against };
}

const ageText = (age) => (age ? `${age} h before the day began` : "When the day began");

/** The last hours, to ask what has changed since; one that was chosen earlier stays in the list. */
function hoursAgo(now, zone, known, chosen) {
  const moments = Array.from({ length: MOST_HOURS_AGO }, (_, i) => now - (i + 1) * HOUR_MS);
  const earlier = chosen?.endsWith("Z") ? Date.parse(chosen) : NaN;
  if (earlier < moments.at(-1)) moments.push(earlier);
  return moments.filter(known).map((at) => ({ value: iso(at), at, text: `Forecast of ${momentText(at, now, zone)}, ${agoText(now - at)} ago` }));
}

const agoText = (ms) => (ms < 2 * DAY_MS ? `${Math.round(ms / HOUR_MS)} h` : duration(ms));

/** 06:00, 06:00 yesterday, or Tue 24 Jan, 06:00. */
export function momentText(at, now, zone) {
  const [date, today] = [isoDay(at, zone), isoDay(now, zone)];
  if (date === today) return clock(at, zone);
  return date === addDays(today, -1) ? `${clock(at, zone)} yesterday` : `${day(at, zone)}, ${clock(at, zone)}`;
}

/** 2023-01-25T06:00:00Z */
export const iso = (ms) => new Date(ms).toISOString().replace(".000", "");

/**
 * What lies between a forecast and other values of the same hours.
 * @param {{ms: number, p10: number|null, p50: number|null, p90: number|null, other: number|null}[]} rows
 * @returns null where no hour has both
 */
export function between(rows) {
  const both = rows.filter(({ p50, other }) => p50 !== null && other !== null);
  if (!both.length) return null;
  const sum = (pick) => both.reduce((total, row) => total + pick(row), 0);
  const scale = sum(({ other }) => Math.abs(other));
  const far = both.reduce((a, b) => (Math.abs(b.p50 - b.other) > Math.abs(a.p50 - a.other) ? b : a));
  return {
    hours: both.length,
    forecast: sum(({ p50 }) => p50),
    other: sum(({ other }) => other),
    wape: scale ? (100 * sum(({ p50, other }) => Math.abs(p50 - other))) / scale : null,
    inBand: both.filter(({ p10, p90, other }) => p10 <= other && other <= p90).length,
    farthest: { ms: far.ms, by: far.p50 - far.other, percent: shareOf(far.p50 - far.other, far.other) },
  };
}

/** A difference in percent of a value; null where that is 0. */
export const shareOf = (difference, value) => (value ? (100 * difference) / Math.abs(value) : null);

const overHours = (found, hours, both) => (found.hours === hours ? "" : `Over the ${found.hours} of ${hours} hours that ${both}. `);

/** How good a forecast of a day was, in sentences: the total, then the hours. */
export function errorWords(found, hours, unit, zone) {
  if (!found) return ["No hour is both forecast and observed yet."];
  const share = shareOf(found.forecast - found.other, found.other);
  const side = found.forecast > found.other ? "too high" : "too low";
  const verdict = share === null ? `${number(Math.abs(found.forecast - found.other))} ${totalUnit(unit)} ${side}` : Math.abs(share) < 0.05 ? "Right in total" : `${percent(Math.abs(share))} ${side} in total`;
  const far = found.farthest;
  const size = `by ${number(Math.abs(far.by))} ${unit}${far.percent === null ? "" : ` (${percent(Math.abs(far.percent))})`}, too ${far.by > 0 ? "high" : "low"}, at ${clock(far.ms, zone)}.`;
  const hourly = found.wape === null ? "At most off" : `Hour by hour it was off by ${percent(found.wape)} of what was observed (WAPE), at most`;
  return [
    `${verdict}: forecast ${number(found.forecast)} ${totalUnit(unit)}, observed ${number(found.other)} ${totalUnit(unit)}.`,
    `${overHours(found, hours, "are forecast and observed")}${far.by === 0 ? "No hour was off." : `${hourly} ${size}`} ${found.inBand} of ${found.hours} hours lie within the 10–90 % band.`,
  ];
}

/** What has changed from an earlier forecast to this one, in sentences: the total, then the hours. `since` is 06:00. */
export function changeWords(found, hours, unit, zone, since, same) {
  if (!found) return ["No hour is in both forecasts."];
  if (same) return [`No change since ${since}: no newer forecast was made.`];
  const by = found.forecast - found.other;
  const far = found.farthest;
  if (far.by === 0) return [`No change since ${since}: the newer forecast has the same values.`];
  const share = shareOf(by, found.other);
  const changed = `${number(found.forecast)} ${totalUnit(unit)} in total, ${signed(by)} ${totalUnit(unit)}${share === null ? "" : ` (${signed(share, 1)} %)`} since ${since}`;
  return [
    `${changed}.`,
    `${overHours(found, hours, "both forecasts hold")}It was ${number(found.other)} ${totalUnit(unit)}. The largest change is at ${clock(far.ms, zone)}: ${signed(far.by)} ${unit}${far.percent === null ? "" : ` (${signed(far.percent, 1)} %)`}.`,
  ];
}

/** The total of a day: what was observed of it and what is forecast of the rest; null where an hour has neither. */
export function totalOf(rows) {
  const found = { observed: 0, observedHours: 0, forecast: 0, forecastHours: 0 };
  for (const { p50, observed } of rows) {
    if (p50 !== null) {
      found.forecast += p50;
      found.forecastHours += 1;
    } else if (observed !== null) {
      found.observed += observed;
      found.observedHours += 1;
    } else return null;
  }
  return rows.length ? { ...found, total: found.observed + found.forecast } : null;
}
