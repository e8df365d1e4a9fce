// Finds missing and isolated hours in an array of values, and the hours of a forecast that no model made.

const HOUR_MS = 3_600_000;
const DAY_LEADS = 24;
const PROFILE = 3;

/**
 * Runs of hours without a value, as [first, last] indices. The hours before the first one of a series are not missing.
 * @param {number} start of values[0], ms; @param {(number|null)[]} values; @param {number|null} firstHour of the series, ms
 */
export function gapsOf(start, values, firstHour) {
  const found = [];
  for (let i = firstHour === null ? values.length : Math.max(0, Math.round((firstHour - start) / HOUR_MS)); i < values.length; i += 1) {
    if (values[i] !== null) continue;
    const first = i;
    while (i + 1 < values.length && values[i + 1] === null) i += 1;
    found.push([first, i]);
  }
  return found;
}

/** Indices of values between two hours without one: a line has no length there, so each is drawn as a point. */
export function aloneIn(values) {
  const has = (i) => (values[i] ?? null) !== null;
  return values.flatMap((_, i) => (has(i) && !has(i - 1) && !has(i + 1) ? [i] : []));
}

/**
 * Values by hour from `start` on, null for an hour without one.
 * @param {number} start ms; @param {number} length hours; @param {string[]} times starts of hours; @param {number[]} values of them
 */
export function byHour(start, length, times, values) {
  const found = Array.from({ length }, () => null);
  times.forEach((time, i) => {
    const place = Math.round((Date.parse(time) - start) / HOUR_MS);
    if (place >= 0 && place < length) found[place] = values[i];
  });
  return found;
}

/** Which hours ahead come from the profile although a model made the first ones; null where there are none. */
export function profileSentence(forecast) {
  if (!forecast?.day_rungs || forecast.rung === PROFILE) return null;
  const days = gapsOf(0, forecast.day_rungs.map((rung) => (rung === PROFILE ? null : rung)), 0);
  const hours = days.map(([first, last]) => `${first * DAY_LEADS + 1} to ${Math.min(forecast.leads, (last + 1) * DAY_LEADS)}`);
  return hours.length ? `Hours ${hours.join(", ")} ahead come from the weekly or daily profile (rung ${PROFILE}).` : null;
}
