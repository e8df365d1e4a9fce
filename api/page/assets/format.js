// Formats numbers and times. Times are in the local time of the source; UTC is in the tooltip.

import { h } from "./elements.js";

const LOCALE = "en-GB";
const HOUR_MS = 3_600_000;

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat(LOCALE, { maximumSignificantDigits: 4 });
const short = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumSignificantDigits: 3 });
const onePlace = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** A value of a series, without its unit. */
export const number = (value) => (Math.abs(value) >= 1000 ? whole : fine).format(value);

/** A difference with its sign: +1,234 or −1,234; 0 has none. */
export function signed(value, places = null) {
  const size = places === null ? number(Math.abs(value)) : Math.abs(value).toFixed(places);
  if (Number(size.replaceAll(",", "")) === 0) return size;
  return `${value > 0 ? "+" : "−"}${size}`;
}

/** A value for an axis: 70k. */
export const compact = (value) => short.format(value);

/** 6.4 %, or a dash if there is no value. */
export const percent = (value) => (value === null || value === undefined ? "–" : `${onePlace.format(value)} %`);

/** 0.87, or a dash if there is no value. */
export const ratio = (value) => (value === null || value === undefined ? "–" : value.toFixed(2));

const formats = new Map();

function format(zone, options) {
  const key = zone + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(LOCALE, { timeZone: zone, hourCycle: "h23", ...options }));
  return formats.get(key);
}

const CLOCK = { hour: "2-digit", minute: "2-digit" };
const DAY = { weekday: "short", day: "numeric", month: "short" };

/** Hour of the day in a zone, 0 to 23. */
export const hourOfDay = (ms, zone) => Number(format(zone, { hour: "numeric" }).format(ms));

/** 23:00 in a zone. */
export const clock = (ms, zone) => format(zone, CLOCK).format(ms);

/** Tue 24 Jan in a zone. */
export const day = (ms, zone) => format(zone, DAY).format(ms);

/** Tue 24 Jan, 23:00 in a zone. */
export const dayAndClock = (ms, zone) => `${day(ms, zone)}, ${clock(ms, zone)}`;

/** The day of the calendar in a zone, as 2023-01-25. */
export function isoDay(ms, zone) {
  const parts = Object.fromEntries(format(zone, { year: "numeric", month: "2-digit", day: "2-digit" }).formatToParts(ms).map(({ type, value }) => [type, value]));
  return `${parts.year}-${parts.month}-${parts.day}`;
}

/** 24 Jan 2023, 22:00 UTC. */
export const utc = (ms) => `${format("UTC", { day: "numeric", month: "short", year: "numeric", ...CLOCK }).format(ms)} UTC`;

/** CET, or GMT+1 if a zone has no short name. */
export const zoneName = (ms, zone) =>
  format(zone, { timeZoneName: "short" }).formatToParts(ms).find((part) => part.type === "timeZoneName").value;

/** A time as an element: local time, with UTC in the tooltip. */
export function moment(text, zone, write = dayAndClock) {
  if (!text) return h("span", {}, "never");
  const ms = Date.parse(text);
  return h("time", { datetime: text, title: utc(ms) }, write(ms, zone));
}

/** "12 s", "3 min", "5 h", "2 days". */
export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  const hours = Math.round(ms / HOUR_MS);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

/** "1 hour", "3 hours". */
export const count = (n, word, plural = `${word}s`) => `${whole.format(n)} ${n === 1 ? word : plural}`;

/** PriceArea and ConsumerType_DE35 as words. */
export const words = (name) => name.replaceAll("_", " ").replace(/([a-z])([A-Z])/g, "$1 $2");
