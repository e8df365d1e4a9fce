// Drift: which series changed, since when, and what they were like before and are since.

import { byId, h, renew } from "./elements.js";
import { dayAndClock, moment, number, percent, signed } from "./format.js";
import { logTable } from "./log.js";

const MOST_ROWS = 20;
const RECENT_MS = 14 * 24 * 3_600_000;

const MEASURES = {
  error: "Error of its forecasts",
  level: "Level",
  spread: "Spread within a day",
  pattern: "Likeness of a day to the usual one",
};

/** What changed, in words. */
export const measureWords = ({ kind, measure, detector }) =>
  `${MEASURES[measure] ?? (kind === "concept" ? "Errors" : "Inputs")}${detector.endsWith(":weather-adjusted") ? ", less the weather" : ""}`;

const figure = (value, unit) => (value === null || value === undefined ? "–" : unit === "%" ? percent(value) : `${number(value)} ${unit}`);

/** "+12.3 %" of a quantity, "+12.3 points" of a share; empty where one is not known. */
export function changeText(figures) {
  if (!figures || figures.before === null || figures.after === null) return "";
  const { before, after, unit } = figures;
  if (unit === "%") return `${signed(after - before, 1)} points`;
  return before ? `${signed((100 * (after - before)) / Math.abs(before), 1)} %` : "";
}

/** What changed of one series lately, in sentences. */
export function driftSentences(drift, seriesId, newestHour, zone) {
  const since = Date.parse(newestHour) - RECENT_MS;
  return (drift?.events ?? [])
    .filter((event) => event.series_id === seriesId && Date.parse(event.valid_time) >= since)
    .map((event) => {
      const { figures } = event;
      const change = changeText(figures) ? `: ${figure(figures.before, figures.unit)} before, ${figure(figures.after, figures.unit)} since (${changeText(figures)})` : "";
      return `Drift since ${dayAndClock(Date.parse(event.valid_time), zone)}. ${measureWords(event)}${change}.`;
    });
}

/** Update the panel; hidden while nothing drifted. */
export function showDrift(drift, refusal, zone, link) {
  const panel = byId("drift");
  panel.hidden = !drift?.events.length;
  if (panel.hidden) return;
  const shown = drift.events.slice(0, MOST_ROWS);
  const rest = drift.more || drift.events.length > MOST_ROWS ? ` The newest ${MOST_ROWS} changes; /v1/drift has all.` : "";
  renew(byId("drift-body"), [shown, refusal?.message, zone], () => [
    refusal && h("p", {}, `Outdated: ${refusal.message}`),
    h("p", { class: "note" }, `Before is the mean of 25 days, since that of up to a week.${rest}`),
    logTable("drift-table", "Changes", [["Series"], ["Since"], ["What changed", "wide-only"], ["Before", "number"], ["Since then", "number"], ["Change", "number wide-only"]], shown.map((event) => row(event, zone, link))),
  ]);
}

function row(event, zone, link) {
  const { figures } = event;
  return h("tr", {},
    h("th", { scope: "row" }, h("a", { href: link(event.series_id), "data-series": event.series_id }, event.series_id), h("small", { class: "narrow-only" }, measureWords(event))),
    h("td", {}, moment(event.valid_time, zone)),
    h("td", { class: "wide-only" }, measureWords(event)),
    h("td", { class: "number" }, figure(figures?.before, figures?.unit)),
    h("td", { class: "number" }, figure(figures?.after, figures?.unit)),
    h("td", { class: "number wide-only", title: `${event.statistic.toFixed(1)} standard deviations` }, changeText(figures) || "–"));
}
