// One day of the calendar: its forecast as it stands or stood, next to what was observed or to an earlier forecast.

import { Chart } from "./chart.js";
import { csvOf, fileName, save } from "./csv.js";
import { addDays, between, changeWords, daysKept, errorWords, isDay, iso, momentText, planOf, shareOf, totalOf, totalUnit } from "./days.js";
import { byId, h, renew } from "./elements.js";
import { clock, count, day, moment, number, signed, utc, zoneName } from "./format.js";
import { byHour } from "./hours.js";
import { get, seriesPath } from "./requests.js";
import { RUNGS, rungBadge } from "./states.js";

const HOUR_MS = 3_600_000;
const MOST_HELD = 60;
const DEFAULT = { day: "tomorrow", issue: null, against: null };
const TITLES = { today: "Today", tomorrow: "Tomorrow" };

export class DayView {
  /** @param {() => void} changed is called when another day or forecast is chosen. */
  constructor(changed) {
    this.changed = changed;
    this.choice = { ...DEFAULT };
    this.found = null;
    this.held = new Map(); // what was issued stays issued: an answer as of a past moment is asked for once
    for (const button of document.querySelectorAll("#day-buttons button")) button.addEventListener("click", () => this.choose({ ...DEFAULT, day: button.dataset.day }));
    byId("day-date").addEventListener("change", (event) => { if (isDay(event.target.value)) this.chooseDate(event.target.value); });
    byId("day-before").addEventListener("click", () => this.chooseDate(addDays(this.plan.date, -1)));
    byId("day-after").addEventListener("click", () => this.chooseDate(addDays(this.plan.date, 1)));
    byId("day-issue").addEventListener("change", (event) => this.choose({ ...this.choice, issue: event.target.value }));
    byId("day-against").addEventListener("change", (event) => this.choose({ ...this.choice, against: event.target.value }));
    byId("day-form").addEventListener("submit", (event) => event.preventDefault());
    byId("day-csv").addEventListener("click", () => this.saveCsv());
  }

  /** Take the choice from the query of an address. */
  read(query) {
    const given = new URLSearchParams(query);
    const wanted = given.get("day");
    this.choice = { day: wanted in TITLES || isDay(wanted ?? "") ? wanted : DEFAULT.day, issue: given.get("issue"), against: given.get("against") };
  }

  /** The choice as the end of the query of an address; empty for what is shown without one. */
  query() {
    const given = Object.entries(this.choice).filter(([name, value]) => value !== null && value !== DEFAULT[name]);
    return given.map(([name, value]) => `&${name}=${encodeURIComponent(value)}`).join("");
  }

  choose(choice) {
    this.choice = choice;
    this.changed();
  }

  /** A date that is today or tomorrow is called by that word: it follows the clock. */
  chooseDate(date) {
    const { today } = this;
    const word = { [today]: "today", [addDays(today, 1)]: "tomorrow" }[date];
    const kept = date < today === this.plan.date < today;
    this.choose({ day: word ?? date, issue: kept ? this.choice.issue : null, against: kept ? this.choice.against : null });
  }

  /** Ask for what the choice needs; `slow` asks again for what may have been revised. */
  async load(detail, forecast, slow) {
    const zone = detail.source_detail.local_time_zone;
    const series = {
      zone,
      now: Date.parse(detail.source_detail.current_hour),
      since: detail.forecasts_since === null ? null : Date.parse(detail.forecasts_since),
      until: forecast?.leads ? Date.parse(forecast.ends_at) : null,
      gates: detail.gates ?? [],
    };
    const plan = planOf(this.choice, series);
    const kept = daysKept(series);
    const id = detail.series_id;
    const asked = [id, plan.date, plan.issue.value, plan.against.value].join(" ");
    const stamp = JSON.stringify([asked, series, detail.newest_hour, forecast?.issued_at, detail.references]);
    Object.assign(this, { plan, asked, detail, kept, today: planOf({ ...DEFAULT, day: "today" }, series).date });
    if (this.found?.stamp === stamp && !slow && !this.found.refusal) return;
    const found = { stamp, asked, plan, base: null, issue: null, other: null, references: [], refusal: null };
    if (kept && plan.date >= kept.first && plan.date <= kept.last) {
      const path = `${seriesPath(`days/${plan.date}`, id)}`;
      try {
        found.base = await get(path);
        [found.issue, found.other, found.references] = await Promise.all([
          this.issueOf(plan.issue, plan, id, found.base), this.issueOf(plan.against, plan, id, null), this.referencesOf(plan.issue, id, found.base),
        ]);
      } catch (refusal) {
        if (this.found?.asked === asked && this.found.base) return; // what is known stays, the notice says why it is old
        found.refusal = refusal.message;
      }
    }
    if (this.asked === asked) this.found = found;
  }

  /** The forecast of a day as it stood at a moment, or was kept at a gate; `base` where it is the one that the day has anyway. */
  async issueOf({ at, value, gate }, plan, id, base) {
    if (at === null || (base && plan.kind === "past" && value === "0")) return base;
    const path = gate ? `${seriesPath("day-ahead", id)}?day=${plan.date}&gate=${gate}` : `${seriesPath(`days/${plan.date}`, id)}?as_of=${iso(at)}`;
    if (!this.held.has(path)) {
      const answer = gate ? ofGate(await get(path)) : await get(path);
      if (this.held.size >= MOST_HELD) this.held.clear();
      this.held.set(path, answer);
    }
    return this.held.get(path);
  }

  /** What references forecast of the hours of a day, as known when the forecast that is shown was made. */
  async referencesOf({ at }, id, { valid_time: hours }) {
    if (!this.detail.references.length || !hours.length) return [];
    const known = at === null ? "" : `&as_of=${iso(at)}`;
    const answer = await get(`${seriesPath("reference-forecasts", id)}?start=${hours[0]}&end=${iso(Date.parse(hours.at(-1)) + HOUR_MS)}${known}`).catch(() => null);
    const start = Date.parse(hours[0]);
    return (answer?.references ?? [])
      .map(({ source, title, valid_time: times, value }) => ({ source, name: title, values: byHour(start, hours.length, times, value) }))
      .filter(({ values }) => values.some((value) => value !== null));
  }

  show() {
    if (!this.plan) return;
    this.showForm();
    const { found } = this;
    const current = found?.asked === this.asked;
    byId("day").setAttribute("aria-busy", String(!current));
    if (!current) return;
    const rows = found.issue ? this.rowsOf(found) : [];
    this.rows = rows;
    byId("day-csv").disabled = !rows.length;
    this.showTitle(rows);
    this.showWords(rows);
    this.showChart(rows);
    this.showTable(rows);
  }

  rowsOf({ plan, base, issue, other }) {
    return base.valid_time.map((text, i) => ({
      ms: Date.parse(text), p10: issue.p10[i], p50: issue.p50[i], p90: issue.p90[i],
      observed: base.observed[i], other: plan.against.value === "observed" ? base.observed[i] : (other?.p50[i] ?? null),
    }));
  }

  showForm() {
    const { plan, kept, today } = this;
    const named = { [today]: "today", [addDays(today, 1)]: "tomorrow" }[plan.date];
    for (const button of document.querySelectorAll("#day-buttons button")) button.setAttribute("aria-pressed", String(button.dataset.day === named));
    const date = byId("day-date");
    if (document.activeElement !== date) date.value = plan.date;
    Object.assign(date, { min: kept?.first ?? "", max: kept?.last ?? "" });
    byId("day-before").disabled = !kept || plan.date <= kept.first;
    byId("day-after").disabled = !kept || plan.date >= kept.last;
    for (const [id, options, chosen] of [["day-issue", plan.issues, plan.issue], ["day-against", plan.comparisons, plan.against]]) {
      renew(byId(id), options, () => (options.length ? options : [{ value: "", text: "None" }]).map(({ value, text }) => h("option", { value }, text)));
      byId(id).value = chosen.value;
    }
  }

  get title() {
    const { plan, today } = this;
    return plan.date === today ? TITLES.today : plan.date === addDays(today, 1) ? TITLES.tomorrow : day(plan.start, plan.zone);
  }

  showTitle(rows) {
    const { start, zone } = this.plan;
    const hours = rows.length && rows.length !== 24 ? `${rows.length} hours, the clock is changed` : count(rows.length || 24, "hour");
    const name = this.title;
    renew(byId("day-title"), [name, start, hours, zone], () => [name, " ", h("small", {}, `${name === day(start, zone) ? "" : `${day(start, zone)} · `}${hours} · times in ${zoneName(start, zone)}`)]);
  }

  /** The sentences: the first one is the verdict. */
  words(rows) {
    const { plan, found, detail, kept, title } = this;
    const { unit } = detail;
    const total = totalOf(rows);
    if (found.refusal) return { tone: "idle", lines: [found.refusal] };
    if (!kept) return { tone: "idle", lines: ["No forecast yet: the first one needs 24 hours of history."] };
    const which = title === day(plan.start, plan.zone) ? "this day" : title.toLowerCase();
    if (!found.issue) return { tone: "idle", lines: [plan.date > kept.last ? `No forecast reaches ${which}: the newest one ends on ${dayName(kept.last)}.` : `No forecast is kept of ${which}: choose ${dayName(kept.first)} or a later one.`] };
    if (rows.every(({ p50 }) => p50 === null)) return { tone: "idle", lines: [`That forecast does not hold an hour of ${which}.`] };
    if (plan.against.value === "observed" && plan.kind === "past") {
      const found = between(rows);
      return { tone: found ? "good" : "idle", lines: errorWords(found, rows.length, unit, plan.zone) };
    }
    if (plan.against.at !== null) {
      const same = found.other.origin === found.issue.origin && found.other.issued_at === found.issue.issued_at;
      return { tone: same ? "idle" : "good", lines: changeWords(between(rows), rows.length, unit, plan.zone, this.againstText, same) };
    }
    if (!total) {
      const lacking = rows.filter(({ p50, observed }) => p50 === null && observed === null).length;
      return { tone: "warn", lines: [`${count(rows.length - lacking, "hour")} of ${rows.length} are known: no total of the day.`] };
    }
    const parts = total.observedHours && total.forecastHours ? `, ${number(total.observed)} of it observed in ${count(total.observedHours, "hour")}` : "";
    const lines = [`${number(total.total)} ${totalUnit(unit)} in total${parts}.`];
    const soFar = plan.kind === "today" ? between(rows) : null;
    if (soFar) lines.push(`So far: ${errorWords(soFar, soFar.hours, unit, plan.zone)[0]}`);
    return { tone: "good", lines };
  }

  get againstText() {
    const { plan, detail } = this;
    return momentText(plan.against.at, Date.parse(detail.source_detail.current_hour), plan.zone);
  }

  showWords(rows) {
    const { plan, found, detail } = this;
    const { zone } = plan;
    const issue = found.issue;
    const outdated = !!(detail.stale || detail.expired) && plan.kind !== "past";
    const { tone, lines } = this.words(rows);
    const peak = issue?.peak;
    const warnings = outdated ? [detail.expired_reason && `The newest forecast is expired: ${detail.expired_reason}.`, detail.stale_reason && `The series is stale: ${detail.stale_reason}.`].filter(Boolean) : [];
    renew(byId("day-words"), [tone, lines, warnings, outdated, peak, issue?.origin, issue?.issued_at, issue?.rung, issue?.release, zone, plan.issue.value], () => [
      h("p", { class: "verdict", "data-tone": outdated ? "bad" : tone }, lines[0]),
      ...lines.slice(1).map((line) => h("p", { class: "day-line" }, line)),
      ...warnings.map((line) => h("p", { class: "why" }, line)),
      issue && h("p", { class: "day-line facts" },
        "Forecast from ", h("strong", {}, moment(issue.origin, zone)),
        issue.release ? [" · ", h("code", {}, issue.release)] : " · no model",
        peak && !outdated ? [" · greatest hour ", h("strong", {}, moment(peak.valid_time, zone, clock)), `, ${Math.round(100 * peak.probability)} % likely: about ${number(peak.size.p50)} (${number(peak.size.p10)} to ${number(peak.size.p90)}) ${detail.unit}`] : ""),
      issue && issue.rung > 0 ? h("p", { class: "badges" }, rungBadge(issue.rung, RUNGS[issue.rung], outdated)) : null,
    ]);
  }

  showChart(rows) {
    this.chart ??= new Chart(byId("day-chart"), (text) => { byId("day-reading").textContent = text; });
    const { plan, detail } = this;
    const { references } = this.found;
    const held = rows.map(({ p50 }, i) => (p50 === null ? -1 : i)).filter((i) => i >= 0);
    byId("day-figure").hidden = !held.length;
    if (!held.length) return;
    const [from, to] = [held[0], held.at(-1) + 1];
    const part = (name) => rows.slice(from, to).map((row) => row[name]);
    const seen = rows.findLastIndex(({ observed }) => observed !== null) + 1;
    const observed = rows.slice(0, seen).map((row) => row.observed);
    const outdated = !!(detail.stale || detail.expired) && plan.kind !== "past";
    const compared = plan.against.at !== null && rows.some(({ other }) => other !== null);
    const name = compared ? `Forecast of ${this.againstText}` : "";
    const other = compared ? { start: rows[0].ms, p50: rows.map((row) => row.other), name } : null;
    this.chart.show({
      zone: plan.zone, unit: detail.unit, start: rows[0].ms, length: rows.length, observed, firstHour: seen ? rows[0].ms : null,
      forecast: { start: rows[from].ms, p10: part("p10"), p50: part("p50"), p90: part("p90") },
      earlier: other, references, marked: [], outdated, message: "", now: Date.parse(detail.source_detail.current_hour),
    });
    renew(byId("day-legend"), [seen > 0, name, outdated, detail.unit, references.map((one) => one.name)], () => [
      seen ? h("span", { class: "key observed" }, "Observed") : null,
      h("span", { class: outdated ? "key median outdated" : "key median" }, outdated ? "Forecast, outdated" : "Forecast"),
      h("span", { class: outdated ? "key band outdated" : "key band" }, "10–90 % band"),
      name ? h("span", { class: "key earlier" }, name) : null,
      ...references.map((one, i) => h("span", { class: i % 2 ? "key reference second" : "key reference" }, one.name)),
      h("span", { class: "unit" }, detail.unit),
    ]);
  }

  /** Titles of the columns after the band: what the forecast is compared with, and the difference. */
  heads(rows) {
    const { against } = this.plan;
    if (!rows.some(({ other }) => other !== null)) return [];
    return against.value === "observed" ? ["Observed", "Error"] : ["Earlier", "Change"];
  }

  showTable(rows) {
    const { plan, detail } = this;
    const heads = this.heads(rows);
    byId("day-hours").hidden = !rows.length;
    renew(document.querySelector("#day-table thead"), [heads, detail.unit], () => h("tr", {},
      ["Hour", detail.unit, "10 % to 90 %", ...heads].map((title, i) => h("th", { scope: "col", class: [undefined, "unit-head", heads.length ? "wide-only" : undefined][i] }, title))));
    renew(document.querySelector("#day-table tbody"), [rows, heads, plan.zone], () => rows.map((row) => h("tr", {},
      h("th", { scope: "row", title: utc(row.ms) }, clock(row.ms, plan.zone)),
      h("td", {}, shown(row.p50)),
      h("td", { class: heads.length ? "wide-only" : undefined }, row.p10 === null ? "–" : `${number(row.p10)} to ${number(row.p90)}`),
      ...(heads.length ? [h("td", {}, shown(row.other)), h("td", {}, differenceText(row.p50, row.other))] : []))));
    const total = totalOf(rows);
    const found = between(rows);
    const compared = found && found.hours === rows.length ? found : null;
    renew(document.querySelector("#day-table tfoot"), [total, compared, heads, detail.unit], () => total && h("tr", {},
      h("th", { scope: "row" }, "Total"),
      h("td", {}, number(total.total)),
      h("td", { class: heads.length ? "wide-only" : undefined }, totalUnit(detail.unit)),
      ...(heads.length ? [h("td", {}, compared ? number(compared.other) : "–"), h("td", {}, compared ? differenceText(compared.forecast, compared.other) : "–")] : [])));
  }

  saveCsv() {
    const { plan, detail, found } = this;
    const issue = found.issue;
    const [other, difference] = plan.against.value === "none" ? [] : plan.against.value === "observed" ? ["observed", "error"] : [`p50_as_of_${iso(plan.against.at)}`, "change"];
    const columns = ["series_id", "valid_time", "local_time", "unit", "origin", "issued_at", "p10", "p50", "p90", ...(other ? [other, difference] : []), ...found.references.map(({ source }) => source)];
    const lines = this.rows.map((row, i) => [
      detail.series_id, iso(row.ms), `${plan.date} ${clock(row.ms, plan.zone)}`, detail.unit, issue.origin, issue.issued_at, row.p10, row.p50, row.p90,
      ...(other ? [row.other, row.p50 === null || row.other === null ? null : row.p50 - row.other] : []),
      ...found.references.map(({ values }) => values[i]),
    ]);
    save(fileName(detail.series_id, plan.date), csvOf(columns, lines));
  }
}

/** What was kept at a gate, with as many values as the day has hours. */
function ofGate(product) {
  const all = (values) => Array.from({ length: product.hours }, (_, i) => values[i] ?? null);
  return { ...product, p10: all(product.p10), p50: all(product.p50), p90: all(product.p90) };
}

/** Mon 16 Jan 2023 */
const dayName = (date) => `${day(Date.parse(`${date}T12:00Z`), "UTC")} ${date.slice(0, 4)}`;

const shown = (value) => (value === null ? "–" : number(value));

function differenceText(value, other) {
  if (value === null || other === null) return "–";
  const share = shareOf(value - other, other);
  return share === null ? signed(value - other) : `${signed(share, 1)} %`;
}
