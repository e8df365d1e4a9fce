// One series: its head, the chart, accuracy, data quality, model, and the table of the hours ahead.

import { showAccuracyByHour } from "./bars.js";
import { Chart } from "./chart.js";
import { driftSentences } from "./drift.js";
import { byId, h, renew } from "./elements.js";
import { clock, count, day, isoDay, moment, number, percent, ratio, utc, zoneName } from "./format.js";
import { faultList, faultsOf } from "./faults.js";
import { byHour, gapsOf, profileSentence } from "./hours.js";
import { csvOf, fileName, save } from "./csv.js";
import { iso } from "./days.js";
import { badge, rungBadge, STATES } from "./states.js";
import { runWords, weatherSentences } from "./weather.js";
import { partsOf, whyWords } from "./why.js";
import { shownZone } from "./zone.js";

const HOUR_MS = 3_600_000;
const WEEK_H = 168;
const DAY_H = 24;

const SET_ASIDE = "Excluded from training";

let chart = null;
let drawnRows = null;

/** The present hour of the source: that of the wall clock, or of a replay. */
const nowOf = (detail) => Date.parse(detail.source_detail.current_hour);

/** Update everything about the chosen series; `showLetters` shows its dead letters. */
export function showSeries(known, hoursShown, showLetters) {
  const { detail, forecast, observations, earlier, seriesAccuracy, moreAccuracy, models } = known;
  if (!detail) return;
  const references = known.references?.series_id === detail.series_id ? known.references.references : [];
  const zone = shownZone(detail.source_detail.local_time_zone);
  const weather = known.weather?.series_id === detail.series_id ? known.weather : null;
  const why = forecast && known.why?.series_id === detail.series_id && known.why?.origin === forecast.origin ? known.why : null;
  showHead(detail, forecast, weather, known.drift, zone);
  const totals = known.totals?.of === detail.series_id ? known.totals : null;
  showFaults(faultsOf(detail, known.seriesLetters?.of === detail.series_id ? known.seriesLetters : null, totals, zone), showLetters);
  showChart(detail, forecast, earlier, observations, references, weather, why, totals, zone, hoursShown);
  showWhy(why, known.whyRefused, zone);
  if (seriesAccuracy) renew(byId("accuracy"), [seriesAccuracy.accuracy, moreAccuracy, seriesAccuracy.references], accuracyCard);
  showAccuracyByHour(seriesAccuracy?.accuracy.series_id === detail.series_id ? known.accuracyByHour : null);
  renew(byId("quality"), { detail, totals, zone }, qualityCard);
  renew(byId("model"), { forecast, models, zone }, modelCard);
  showHours(detail, forecast, observations, zone);
}

/** What is wrong with the data, and where to look; hidden while nothing is. */
function showFaults(faults, showLetters) {
  const box = byId("faults");
  box.hidden = !faults.length;
  renew(byId("faults-body"), faults.map(({ kind, text, action }) => [kind, action, text.map((part) => part.textContent ?? part)]), () => faultList(faults, showLetters));
}

/** Show all hours of the chart. */
export function resetChart() {
  if (chart?.zoom) chart.zoomTo(null);
}

/** Save what the chart shows: observed hours and the newest forecast. */
export function saveChart() {
  if (!drawnRows) return;
  const { detail, zone, start, length, values, names } = drawnRows();
  const columns = ["series_id", "valid_time", "local_time", "unit", "observed", "p10", "p50", "p90", ...names];
  const rows = Array.from({ length }, (_, i) => {
    const ms = start + i * HOUR_MS;
    return [detail.series_id, iso(ms), `${isoDay(ms, zone)} ${clock(ms, zone)}`, detail.unit, ...values(ms)];
  });
  save(fileName(detail.series_id, iso(start).slice(0, 10)), csvOf(columns, rows));
}

function showHead(detail, forecast, weather, drift, zone) {
  renew(byId("series-title"), detail.labels, (labels) =>
    Object.values(labels).map((value, i) => [i ? h("span", { class: "slash" }, " / ") : null, value]).flat());
  const { word, tone, sign } = STATES[detail.state];
  const rung = forecast?.rung ?? detail.rung;
  renew(byId("badges"), [detail.state, rung, detail.rung_meaning, detail.expired, detail.source_detail.stale, detail.source_detail.failing], () => [
    badge(tone, sign, word),
    rungBadge(rung, detail.rung_meaning, detail.stale || detail.expired),
    detail.source_detail.failing ? badge("bad", "▲", "Source is failing") : detail.source_detail.stale ? badge("bad", "▲", "Source is silent") : null,
  ]);
  renew(byId("facts"), [detail.newest_hour, detail.origin, detail.unit, zone, weather?.run], () => [
    "Newest hour ", h("strong", {}, moment(detail.newest_hour, zone)),
    detail.origin ? [" · forecast from ", h("strong", {}, moment(detail.origin, zone))] : " · no forecast yet",
    ` · ${detail.unit} per hour`,
    weather ? [" · ", runWords(weather, zone)] : "",
    ` · times in ${zone.split("/").at(-1).replaceAll("_", " ")}`,
  ].flat(2));
  const reasons = [
    detail.stale_reason && `This series is stale: ${detail.stale_reason}.`,
    detail.expired_reason && `Its forecast is expired: ${detail.expired_reason}.`,
    detail.source_detail.failing_reason && `Its source: ${detail.source_detail.failing_reason}.`,
    detail.source_detail.stale_reason && `Its source is stale: ${detail.source_detail.stale_reason}.`,
    detail.reasons.length && `Why rung ${rung}: ${detail.reasons.map((reason) => reason.meaning).join("; ")}.`,
    profileSentence(forecast),
    ...weatherSentences(weather),
    ...driftSentences(drift, detail.series_id, detail.source_detail.newest_hour, zone),
  ].filter(Boolean);
  const why = byId("why");
  why.hidden = !reasons.length;
  renew(why, reasons, () => reasons.map((reason) => h("span", {}, reason)));
}

function showChart(detail, forecast, earlier, observations, references, weather, why, totals, zone, hoursShown) {
  chart ??= new Chart(byId("chart"), (text) => { byId("chart-reading").textContent = text; }, () => { byId("chart-reset").hidden = !chart.zoom; });
  if (!observations) return;
  const end = Date.parse(observations.end);
  const firstHour = detail.quality.first_hour === null ? null : Date.parse(detail.quality.first_hour);
  // of a longer history, the hours before the first one of the series are left out
  const known = firstHour === null || hoursShown <= WEEK_H ? hoursShown : Math.max(WEEK_H, (end - firstHour) / HOUR_MS);
  const cut = Math.max(0, observations.value.length - Math.min(hoursShown, known));
  const start = end - (observations.value.length - cut) * HOUR_MS;
  const first = (message) => Date.parse(message.origin) + HOUR_MS;
  const drawn = forecast?.leads ? { start: first(forecast), p10: forecast.p10, p50: forecast.p50, p90: forecast.p90 } : null;
  const before = earlier?.leads && Date.parse(earlier.origin) < Date.parse(forecast?.origin) ? { start: first(earlier), p50: earlier.p50, name: "Forecast a day before" } : null;
  const marked = [
    ...detail.quality.quarantined.map((range) => ({ kind: "set-aside", words: SET_ASIDE, start: Math.max(start, Date.parse(range.start)), end: Date.parse(range.end) })),
    ...(totals?.incomplete ?? []).map((hour) => ({ kind: "incomplete", words: `Incomplete: ${hour.reason}`, start: Date.parse(hour.valid_time), end: Date.parse(hour.valid_time) + HOUR_MS })),
  ].filter((range) => range.start >= start && range.end > range.start);
  const has = (kind) => marked.some((range) => range.kind === kind);
  const observed = observations.value.slice(cut);
  const message = drawn ? "" : "No forecast yet: the first one needs 24 hours of history.";
  const outdated = detail.stale || detail.expired;
  const length = Math.max(observed.length, drawn ? (drawn.start - start) / HOUR_MS + drawn.p50.length : observed.length + DAY_H);
  const others = references
    .map(({ source, title, valid_time: times, value }) => ({ source, name: title, values: byHour(start, length, times, value) }))
    .filter(({ values }) => values.some((value) => value !== null));
  const temperatures = weather && byHour(start, length, weather.valid_time, weather.temperature_c);
  const temperature = temperatures?.some((value) => value !== null) ? temperatures : null;
  const made = partsOf(why);
  const parts = made && drawn ? { start: drawn.start, values: made } : null;
  byId("chart-reset").hidden = !chart.show({ zone, unit: detail.unit, start, observed, firstHour, forecast: drawn, earlier: before, references: others, temperature, parts, marked, outdated, message, now: nowOf(detail) });
  drawnRows = () => ({
    detail, zone, start: chart.data.start, length: chart.hours,
    names: [...others.map(({ source }) => source), ...(temperature ? ["temperature_c"] : [])],
    values: (ms) => [[observed, start], ...["p10", "p50", "p90"].map((name) => [drawn?.[name] ?? [], drawn?.start ?? start]), ...others.map(({ values }) => [values, start]), ...(temperature ? [[temperature, start]] : [])]
      .map(([list, from]) => list[(ms - from) / HOUR_MS] ?? null),
  });
  const gaps = gapsOf(start, observed, firstHour).length > 0;
  renew(byId("chart-caption"), [detail.unit, !!drawn, !!before, gaps, has("set-aside"), has("incomplete"), outdated, others.map(({ name }) => name), !!temperature], () => [
    h("span", { class: "key observed" }, "Observed"),
    drawn ? h("span", { class: outdated ? "key median outdated" : "key median" }, outdated ? "Forecast, outdated" : "Forecast") : null,
    drawn ? h("span", { class: outdated ? "key band outdated" : "key band" }, "10–90 % band") : null,
    before ? h("span", { class: "key earlier" }, "Forecast a day before") : null,
    ...others.map(({ name }, i) => h("span", { class: i % 2 ? "key reference second" : "key reference" }, name)),
    temperature ? h("span", { class: "key temperature" }, "Temperature") : null,
    gaps ? h("span", { class: "key gap" }, "Missing") : null,
    has("set-aside") ? h("span", { class: "key set-aside" }, SET_ASIDE) : null,
    has("incomplete") ? h("span", { class: "key incomplete" }, "Incomplete total") : null,
    h("span", { class: "unit" }, detail.unit),
  ]);
}

/** What made the forecast, or why that cannot be said; hidden until it is asked for. */
function showWhy(why, refused, zone) {
  const box = byId("why-words");
  box.hidden = !why && !refused;
  renew(box, [why, refused, zone], () => (why ? whyWords(why, zone) : refused ? h("p", {}, `What made this forecast cannot be said: ${refused}`) : []));
}

function bar(name, value, most, kind) {
  const fill = h("span", { class: `bar ${kind}` });
  fill.style.inlineSize = `${most ? (100 * value) / most : 0}%`;
  return h("div", { class: "bar-row" }, h("span", {}, name), h("span", { class: "bar-track" }, fill), h("strong", {}, percent(value)));
}

function figures(pairs) {
  return h("dl", { class: "figures" }, pairs.map(([name, value, title]) => h("div", { title }, h("dt", {}, name), h("dd", {}, value))));
}

/** A reference and ours on the hours of which both were known at the same moment. */
const comparison = (reference) => {
  const { wape_percent: theirs, dayahead_wape_percent: ours } = reference;
  if (theirs === null) return [];
  const most = Math.max(ours, theirs);
  return [
    h("p", { class: "note" }, `${reference.title}, on the same ${count(reference.hours, "hour")}, as known when ours was made. `, h("strong", {}, reference.verdict)),
    bar("Dayahead", ours, most, "ours"),
    bar("Reference", theirs, most, "reference-bar"),
  ];
};

function accuracyCard([a, more, references]) {
  const tone = !a.compared ? "idle" : a.skill_percent >= 0.5 ? "good" : a.skill_percent <= -0.5 ? "bad" : "idle";
  const verdict = h("p", { class: "verdict", "data-tone": tone }, a.verdict);
  if (a.wape_percent === null) return [verdict];
  const most = Math.max(a.wape_percent, a.naive_wape_percent ?? 0);
  return [
    verdict,
    bar("Dayahead", a.wape_percent, most, "ours"),
    a.naive_wape_percent === null ? null : bar("Seasonal naive", a.naive_wape_percent, most, "theirs"),
    figures([
      ["WAPE", percent(a.wape_percent), "Sum of absolute errors over sum of actuals"],
      ["MAPE", percent(a.mape_percent), "Mean of absolute errors relative to the actual, which counts as at least a quarter of the usual level of the series"],
      ["MASE", ratio(a.mase), "Error over that of the better seasonal naive on the same hours; below 1 is better"],
      ["Bias", percent(a.bias_percent), "Above 0: forecasts too high"],
      ["Naives", `${percent(a.daily_naive_wape_percent)} / ${percent(a.weekly_naive_wape_percent)}`, "WAPE of the same hour of the day before / of the week before; the better one is compared"],
      ["In the band", percent(a.coverage_percent), "Hours within the 10–90 % band; 80 % is intended"],
    ]),
    h("p", { class: "note" }, `${count(a.forecasts, "matured forecast")}, the first 24 hours of each`),
    ...(more ?? []).map(({ name, accuracy }) => h("p", { class: "note" }, `${name}: `, h("strong", {}, `WAPE ${percent(accuracy.wape_percent)}`),
      accuracy.naive_wape_percent === null ? "" : `, seasonal naive ${percent(accuracy.naive_wape_percent)}`)),
    ...references.flatMap(comparison),
  ];
}

function qualityCard({ detail, totals, zone }) {
  const { first_hour: first, hours, missing_hours: missing, revised_hours: revised, quarantined, beyond_limits: lost } = detail.quality;
  const losing = lost && lost.lost_percent > 1;
  const tone = detail.stale || detail.source_detail.stale ? "bad" : missing.length || quarantined.length || losing || totals?.incomplete.length ? "warn" : "good";
  const sentence = detail.stale
    ? "The series has stopped reporting."
    : missing.length ? `${count(missing.length, "hour is", "hours are")} missing.` : hours ? "No hour is missing." : "No hour has been observed yet.";
  const shown = missing.slice(-4).reverse();
  return [
    h("p", { class: "verdict", "data-tone": tone }, sentence),
    figures([
      ["Newest hour", moment(detail.newest_hour, zone)],
      ["Behind source", detail.hours_behind === null ? "–" : count(Math.round(detail.hours_behind), "hour")],
      ["Missing", count(missing.length, "hour")],
      ["Revised", count(revised, "hour")],
      ...(totals ? [["Incomplete", count(totals.totals[0]?.incomplete_hours ?? 0, "hour"), "Hours of the last week that series lack"], ["Sums", count(totals.totals[0]?.summed_series ?? 0, "series", "series"), "Series in its newest hour"]] : []),
    ]),
    hours && hours < WEEK_H ? h("p", { class: "note" }, `A new series: its first hour is ${count(hours - 1, "hour")} before the newest of its source, `, moment(first, zone), ".") : null,
    missing.length ? h("p", { class: "note" }, "Missing: ", shown.map((hour, i) => [i ? ", " : "", moment(hour, zone)]).flat(), missing.length > shown.length ? ` and ${missing.length - shown.length} more` : "") : null,
    ...(totals?.steps ?? []).slice(0, 2).map((step) => h("p", { class: "note" }, "From ", moment(step.valid_time, zone), ` on it sums ${count(step.summed_series, "series", "series")} instead of ${step.summed_before}.`)),
  ];
}

function modelCard({ forecast, models, zone }) {
  const champion = models?.champion;
  const release = models?.releases.find((entry) => entry.release === (forecast?.release ?? champion?.release));
  if (!champion && !forecast?.release) {
    return [h("p", { class: "verdict", "data-tone": "idle" }, "No model has been promoted yet."), h("p", { class: "note" }, "Until then forecasts come from the weekly or daily profile.")];
  }
  const serves = forecast?.release === champion?.release;
  return [
    h("p", { class: "verdict", "data-tone": serves ? "good" : "warn" },
      forecast?.release ? [h("code", {}, forecast.release), serves ? " made this forecast." : " made it; another release is the champion."].flat() : "No model made this forecast."),
    figures([
      ["Forecast made", forecast ? moment(forecast.issued_at, zone) : "–"],
      ["Champion", champion ? h("code", {}, champion.release) : "–"],
      ["Promoted", champion ? moment(champion.promoted_at, zone) : "–"],
      ["Learnt until", release ? moment(release.trained_until, zone) : "–"],
    ]),
    champion ? h("p", { class: "note" }, `Promoted by ${champion.promoted_by}: ${champion.reason}`) : null,
  ];
}

function showHours(detail, forecast, observations, zone) {
  const origin = forecast ? Date.parse(forecast.origin) : null;
  byId("hours-zone").textContent = origin ? `times in ${zoneName(origin, zone)}` : "";
  const end = observations ? Date.parse(observations.end) : 0;
  const weekBefore = (ms) => observations?.value[observations.value.length - Math.round((end - (ms - WEEK_H * HOUR_MS)) / HOUR_MS)] ?? null;
  const rows = forecast?.leads ? forecast.p50.map((p50, i) => {
    const ms = origin + (i + 1) * HOUR_MS;
    return { ms, p50, p10: forecast.p10[i], p90: forecast.p90[i], before: weekBefore(ms) };
  }).filter(({ ms }) => ms >= nowOf(detail)) : []; // the hours that are over are in the chart
  rows.forEach((row, i) => { row.newDay = i === 0 || isoDay(row.ms, zone) !== isoDay(rows[i - 1].ms, zone); });
  byId("hours-count").textContent = rows.length ? `The next ${count(rows.length, "hour")}` : "The next hours";
  const none = forecast?.leads ? "No hour of the newest forecast lies ahead: it is expired." : "No forecast yet: the first one needs 24 hours of history.";
  byId("hours-unit").textContent = forecast?.unit ? `Forecast, ${forecast.unit}` : "Forecast";
  renew(document.querySelector("#hours tbody"), { rows, zone, none }, () =>
    rows.length ? rows.flatMap((row) => [row.newDay ? dayRow(row.ms, zone) : null, hourRow(row, zone)]) :
      h("tr", {}, h("td", { colspan: 4, class: "none" }, none)));
}

const dayRow = (ms, zone) => h("tr", { class: "day-row" }, h("th", { colspan: 4, scope: "rowgroup" }, day(ms, zone)));

const hourRow = (row, zone) => h("tr", {},
  h("th", { scope: "row", title: utc(row.ms) }, clock(row.ms, zone)),
  h("td", {}, number(row.p50)),
  h("td", {}, `${number(row.p10)} to ${number(row.p90)}`),
  h("td", { class: "wide-only" }, row.before === null ? "–" : number(row.before)));
