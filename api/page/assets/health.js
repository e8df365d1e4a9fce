// The health strip: services, source, series, accuracy, alerts, each with a tone and its number.

import { byId, h, renew } from "./elements.js";
import { count, moment, percent } from "./format.js";
import { countStates } from "./states.js";
import { shownZone } from "./zone.js";

const unknown = (name, refusal) => ({ name, tone: "idle", sign: "?", value: "Unknown", note: refusal?.message ?? "Not loaded yet" });

const SIGNS = { good: "●", warn: "◐", bad: "▲", idle: "○" };

function services(answer, refusal) {
  if (!answer) return unknown("Services", refusal);
  const ill = answer.services.filter((service) => !service.up || service.ready === false);
  const away = answer.checks.filter((check) => !check.ok);
  // The API's own checks: they detect an unavailable Kafka before Prometheus has scraped the other services.
  const notes = away.map((check) => `${check.server}: ${check.reason}`);
  if (ill.length) notes.push(ill.map((service) => `${service.service} (${service.instance})`).join(", "));
  const name = "Services";
  if (ill.length) return { name, tone: "bad", value: `${ill.length} of ${answer.services.length} not ready`, note: notes.join("; ") };
  const tone = away.some((check) => check.needed) ? "bad" : "warn";
  if (away.length) return { name, tone, value: `Trouble with ${away.map((check) => check.server).join(", ")}`, note: notes.join("; ") };
  if (!answer.services.length) return { name, tone: "idle", value: "None known", note: "Prometheus has no targets yet" };
  return { name, tone: "good", value: `${answer.services.length} up`, note: "All answer and are ready" };
}

/** The tile of the sources; one that never published an hour is not stale. */
export function sourcesTile(quality, refusal) {
  if (!quality) return unknown("Source", refusal);
  const all = quality.sources.filter((entry) => !entry.source?.totals_of); // totals are as fresh as what they sum
  const stale = all.filter((entry) => entry.source.stale);
  const failing = all.filter((entry) => entry.source.failing);
  const retried = all.filter((entry) => entry.source.failing_since && !entry.source.failing);
  const silent = all.filter((entry) => !entry.source.new_hour_at && !entry.source.failing_since);
  if (!all.length) return { name: "Source", tone: "idle", value: "None yet", note: "No source is registered" };
  const newest = all.map((entry) => entry.source).sort((a, b) => (a.newest_hour ?? "").localeCompare(b.newest_hour ?? "")).at(-1);
  // Worst first: a source that does not answer looks fresh until its next hour is due.
  const worst = [
    { entries: failing, tone: "bad", word: "failing", why: (source) => source.failing_reason },
    { entries: stale, tone: "bad", word: "stale", why: (source) => source.stale_reason },
    { entries: retried, tone: "warn", word: "retried", why: (source) => source.failing_reason },
    { entries: silent, tone: "idle", word: "without an hour", why: () => "it has never published an hour" },
  ].find(({ entries }) => entries.length);
  const found = { name: all.length === 1 ? "Source" : "Sources", newest: newest.newest_hour, zone: newest.local_time_zone };
  if (!worst) return { ...found, tone: "good", value: "Fresh", note: null };
  const { entries, tone, word, why } = worst;
  return {
    ...found,
    tone,
    value: all.length === 1 ? word[0].toUpperCase() + word.slice(1) : `${entries.length} of ${all.length} ${word}`,
    note: entries.map((entry) => `${entry.source.name}: ${why(entry.source)}`).join("; "),
  };
}

/** The tile of the series, without totals: states from the list, like the chips; new series and gaps from /v1/quality. */
export function seriesTile(listed, quality, refusal) {
  if (!listed) return unknown("Series", refusal);
  const list = listed.filter((entry) => !entry.totals_of);
  const counted = (quality?.sources ?? []).filter((entry) => !entry.source?.totals_of);
  const sum = (pick) => counted.reduce((total, source) => total + pick(source), 0);
  const [added, missing] = [sum((q) => q.new_series), sum((q) => q.gaps.missing_hours)];
  const { fresh, degraded, stale, expired, "no-forecast": none } = countStates(list);
  const parts = [stale && `${stale} stale`, expired && `${expired} expired`, degraded && `${degraded} degraded`, none && `${none} without forecast`].filter(Boolean);
  // A wrong label creates a new series; if all are new, there is nothing to point out.
  const whole = added && added < list.length ? `${added} new since a day ago` : "No gaps, and all on rung 0 or 1";
  return {
    name: "Series",
    tone: stale || expired ? "bad" : degraded || none ? "warn" : list.length ? "good" : "idle",
    value: `${fresh} of ${list.length} fresh`,
    note: parts.length ? parts.join(", ") : missing ? `${count(missing, "hour")} missing this week` : whole,
  };
}

function accuracy(report, refusal) {
  if (!report) return unknown("Accuracy", refusal);
  const [best] = [...report.overall].sort((a, b) => b.hours - a.hours);
  if (!best || best.wape_percent === null) return { name: "Accuracy", tone: "idle", value: "Not yet", note: "No forecast has matured yet" };
  const tone = !best.compared ? "idle" : best.skill_percent > 0 ? "good" : "bad";
  return { name: "Accuracy", tone, value: `WAPE ${percent(best.wape_percent)}`, note: `Last ${count(report.days, "day")}: ${best.verdict}` };
}

function alerts(answer, refusal) {
  if (!answer) return unknown("Alerts", refusal);
  const firing = answer.alerts.filter((alert) => alert.state === "active");
  const critical = firing.filter((alert) => alert.severity === "critical");
  if (!firing.length) return { name: "Alerts", tone: "good", value: "None", note: answer.watchdog ? "Alerting works" : "" };
  return {
    name: "Alerts",
    tone: critical.length ? "bad" : "warn",
    value: critical.length ? `${critical.length} critical` : count(firing.length, "warning"),
    note: firing.slice(0, 3).map((alert) => alert.summary || alert.name).join("; "),
  };
}

/** The tile of an alert; the others, like AlertsNotDelivered, concern the monitoring. */
const SUBJECTS = [
  ["Services", /^(Service|Worker|Partition|Lag|Trainer|Training|Release)/],
  ["Source", /^(Source|Weather|DeadLetters)/],
  ["Series", /^(Forecasts|Messages|NoChampion)/],
  ["Accuracy", /^(Mape|WorseThanNaive|Drift|Audit)/],
];

/** A tile is not green while a critical alert concerns it; the tile of the alerts has their number. */
function judged(tiles, answer) {
  const critical = (answer?.alerts ?? []).filter((alert) => alert.state === "active" && alert.severity === "critical");
  return tiles.map((tile) => {
    const [, pattern] = SUBJECTS.find(([subject]) => tile.name.startsWith(subject)) ?? [];
    const about = pattern ? critical.filter((alert) => pattern.test(alert.name)) : [];
    if (!about.length) return tile;
    return { ...tile, tone: "bad", note: tile.tone === "bad" && tile.note ? tile.note : about.map((alert) => alert.summary || alert.name).join("; ") };
  });
}

const ORDER = ["bad", "warn", "idle", "good"];

function tile({ name, tone, sign, value, note, newest, zone }) {
  const more = note ?? (newest ? ["Newest hour ", moment(newest, shownZone(zone))] : "");
  return h("div", { class: "tile", "data-tone": tone },
    h("dt", {}, name),
    h("dd", { class: "value" }, h("span", { class: "sign", "aria-hidden": "true" }, sign ?? SIGNS[tone]), value),
    h("dd", { class: "note", title: typeof note === "string" ? note : undefined }, more));
}

/** Update the strip; `refusals` has the errors of failed requests. */
export function showHealth(known, refusals) {
  const tiles = judged([
    services(known.services, refusals.services),
    sourcesTile(known.quality, refusals.quality),
    seriesTile(known.series, known.quality, refusals.series),
    accuracy(known.accuracy, refusals.accuracy),
    alerts(known.alerts, refusals.alerts),
  ], known.alerts);
  const strip = byId("health");
  strip.dataset.tone = ORDER.find((tone) => tiles.some((entry) => entry.tone === tone));
  renew(strip, [tiles, shownZone("")], () => tiles.map(tile));
}
