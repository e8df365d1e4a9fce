// The strip on top: services, source, series, accuracy, alerts. Green or not, each with the figure behind it.

import { byId, h, renew } from "./elements.js";
import { count, moment, percent } from "./format.js";

const unknown = (name, refusal) => ({ name, tone: "idle", sign: "?", value: "Unknown", note: refusal?.message ?? "Not asked yet" });

const SIGNS = { good: "●", warn: "◐", bad: "▲", idle: "○" };

function services(answer, refusal) {
  if (!answer) return unknown("Services", refusal);
  const ill = answer.services.filter((service) => !service.up || service.ready === false);
  const names = ill.map((service) => `${service.service} (${service.instance})`).join(", ");
  if (!answer.services.length) return { name: "Services", tone: "idle", value: "None known", note: "Prometheus scrapes nothing yet" };
  return {
    name: "Services",
    tone: ill.length ? "bad" : "good",
    value: ill.length ? `${ill.length} of ${answer.services.length} not ready` : `${answer.services.length} up`,
    note: ill.length ? names : "All answer and are ready",
  };
}

function sources(quality, refusal) {
  if (!quality) return unknown("Source", refusal);
  const all = quality.sources;
  const stale = all.filter((entry) => entry.source.stale);
  if (!all.length) return { name: "Source", tone: "idle", value: "None yet", note: "No source is registered" };
  const newest = all.map((entry) => entry.source).sort((a, b) => (a.newest_hour ?? "").localeCompare(b.newest_hour ?? "")).at(-1);
  return {
    name: all.length === 1 ? "Source" : "Sources",
    tone: stale.length ? "bad" : "good",
    value: stale.length ? (all.length === 1 ? "Stale" : `${stale.length} of ${all.length} stale`) : "Fresh",
    note: stale.length ? stale.map((entry) => `${entry.source.name}: ${entry.source.stale_reason}`).join("; ") : null,
    newest: newest.newest_hour,
    zone: newest.local_time_zone,
  };
}

function series(quality, refusal) {
  if (!quality) return unknown("Series", refusal);
  const sum = (pick) => quality.sources.reduce((total, source) => total + pick(source), 0);
  const [all, stale, missing] = [sum((q) => q.series), sum((q) => q.stale_series), sum((q) => q.gaps.missing_hours)];
  const onRungs = (...rungs) => sum((q) => q.rungs.filter((r) => rungs.includes(r.rung)).reduce((n, r) => n + r.series, 0));
  const [low, none] = [onRungs(2, 3, 4), onRungs(5)];
  const parts = [stale && `${stale} stale`, low && `${low} degraded`, none && `${none} without forecast`].filter(Boolean);
  return {
    name: "Series",
    tone: stale ? "bad" : low || none ? "warn" : all ? "good" : "idle",
    value: `${all - stale} of ${all} fresh`,
    note: parts.length ? parts.join(", ") : missing ? `${count(missing, "hour")} missing this week` : "Whole, and all on rung 0 or 1",
  };
}

function accuracy(report, refusal) {
  if (!report) return unknown("Accuracy", refusal);
  const [best] = [...report.overall].sort((a, b) => b.hours - a.hours);
  if (!best || best.wape_percent === null) return { name: "Accuracy", tone: "idle", value: "Not yet", note: "No forecast has seen its 24 hours pass" };
  const tone = best.skill_percent === null ? "idle" : best.skill_percent > 0 ? "good" : "bad";
  return { name: "Accuracy", tone, value: `WAPE ${percent(best.wape_percent)}`, note: best.verdict };
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

function tile({ name, tone, sign, value, note, newest, zone }) {
  const more = note ?? (newest ? ["Newest hour ", moment(newest, zone)] : "");
  return h("div", { class: "tile", "data-tone": tone },
    h("dt", {}, name),
    h("dd", { class: "value" }, h("span", { class: "sign", "aria-hidden": "true" }, sign ?? SIGNS[tone]), value),
    h("dd", { class: "note", title: typeof note === "string" ? note : undefined }, more));
}

/** Renew the strip from what is known; `refusals` says why something is not. */
export function showHealth(known, refusals) {
  const tiles = [
    services(known.services, refusals.services),
    sources(known.quality, refusals.quality),
    series(known.quality, refusals.quality),
    accuracy(known.accuracy, refusals.accuracy),
    alerts(known.alerts, refusals.alerts),
  ];
  renew(byId("health"), tiles, () => tiles.map(tile));
}
