// Up to four series in one chart: their last week and their forecasts, as values or relative to the mean of each.

import { Chart } from "./chart.js";
import { csvOf, fileName, save } from "./csv.js";
import { iso } from "./days.js";
import { byId, h, renew } from "./elements.js";
import { byHour } from "./hours.js";
import { get, seriesPath } from "./requests.js";

const HOUR_MS = 3_600_000;
const MOST = 4;
const WEEK_H = 168;

/** One line of a series: what was observed, then what is forecast, by hour from `start` on. */
export function lineOf({ observations, forecast }, start, length) {
  const seen = byHour(start, length, observations.valid_time, observations.value);
  if (!forecast?.leads) return seen;
  const first = Date.parse(forecast.origin) + HOUR_MS;
  forecast.p50.forEach((value, i) => {
    const place = Math.round((first - start) / HOUR_MS) + i;
    if (place >= 0 && place < length && seen[place] === null) seen[place] = value;
  });
  return seen;
}

/** Values in per cent of their mean; as they are where that is 0. */
export function relative(values) {
  const known = values.filter((value) => value !== null);
  const mean = known.reduce((sum, value) => sum + Math.abs(value), 0) / known.length;
  return mean ? values.map((value) => (value === null ? null : (100 * value) / mean)) : values;
}

export class Compare {
  /** @param {() => void} changed is called when other series are chosen. */
  constructor(changed) {
    this.changed = changed;
    this.ids = [];
    byId("compare-add").addEventListener("submit", (event) => {
      event.preventDefault();
      this.add(byId("compare-id").value.trim());
    });
    byId("compare-relative").addEventListener("change", () => this.draw());
    byId("compare-csv").addEventListener("click", () => this.saveCsv());
    byId("compare-list").addEventListener("click", (event) => {
      const id = event.target.closest("[data-remove]")?.dataset.remove;
      if (id) this.choose(this.ids.filter((one) => one !== id));
    });
  }

  /** Take the choice from the query of an address. */
  read(query) {
    this.ids = new URLSearchParams(query).getAll("compare").slice(0, MOST - 1);
  }

  /** The choice as the end of the query of an address. */
  query() {
    return this.ids.map((id) => `&compare=${encodeURIComponent(id)}`).join("");
  }

  choose(ids) {
    this.ids = ids;
    this.changed();
  }

  add(id) {
    const known = this.listed?.some((series) => series.series_id === id);
    const full = this.ids.length >= MOST - 1;
    byId("compare-said").textContent = full ? `${MOST} series at most.` : known ? "" : id ? `No series is called “${id}”.` : "";
    if (!known || full || id === this.chosen || this.ids.includes(id)) return;
    byId("compare-id").value = "";
    this.choose([...this.ids, id]);
  }

  /** Ask for the other series; `known` has the chosen one. */
  async load() {
    const found = await Promise.all(this.ids.map(async (id) => {
      const [observations, forecast] = await Promise.all([
        get(seriesPath("observations", id)).catch(() => null), get(seriesPath("forecasts", id)).catch(() => null)]);
      return observations && { id, unit: observations.unit, observations, forecast };
    }));
    this.others = found.filter(Boolean);
  }

  /** Show the card: the chosen series first. */
  show(known, listed, zone) {
    const { detail, forecast, observations } = known;
    Object.assign(this, { listed, chosen: detail?.series_id });
    if (!detail || !observations) return;
    const mine = { id: detail.series_id, unit: detail.unit, observations, forecast };
    const others = (this.others ?? []).filter(({ id }) => this.ids.includes(id) && id !== mine.id);
    Object.assign(this, { zone, now: Date.parse(detail.source_detail.current_hour), lines: [mine, ...others] });
    byId("compare-body").hidden = !others.length;
    renew(byId("compare-list"), this.ids, () => this.ids.map((id) => h("li", {}, id, " ", h("button", { type: "button", "data-remove": id, "aria-label": `Remove ${id}` }, "×"))));
    if (others.length) this.draw();
  }

  draw() {
    this.chart ??= new Chart(byId("compare-chart"), (text) => { byId("compare-reading").textContent = text; });
    const { lines, zone, now } = this;
    const units = new Set(lines.map(({ unit }) => unit));
    const box = byId("compare-relative");
    box.disabled = units.size > 1; // values of different units have no axis in common
    const shares = box.checked || units.size > 1;
    const end = Math.max(...lines.map(({ observations }) => Date.parse(observations.end)));
    const start = end - WEEK_H * HOUR_MS;
    const length = WEEK_H + Math.max(0, ...lines.map(({ forecast }) => (forecast?.leads ? (Date.parse(forecast.origin) - end) / HOUR_MS + 1 + forecast.p50.length : 0)));
    const drawn = lines.map((line) => ({ name: line.id, values: lineOf(line, start, length) }));
    this.drawn = { start, drawn };
    const shown = drawn.map(({ name, values }) => ({ name, values: shares ? relative(values) : values }));
    const unit = shares ? "% of its mean" : lines[0].unit;
    this.chart.show({ zone, unit, start, length, observed: [], firstHour: null, forecast: null, earlier: null, references: shown, marked: [], outdated: false, message: "", now });
    renew(byId("compare-legend"), [shown.map(({ name }) => name), unit], () => [
      ...shown.map(({ name }, i) => h("span", { class: `key reference line-${i}` }, name)), h("span", { class: "unit" }, unit)]);
  }

  saveCsv() {
    if (!this.drawn) return;
    const { start, drawn } = this.drawn;
    const rows = drawn[0].values.map((_, i) => [iso(start + i * HOUR_MS), ...drawn.map(({ values }) => values[i])]);
    save(fileName("compare", ...drawn.map(({ name }) => name)), csvOf(["valid_time", ...drawn.map(({ name }) => name)], rows));
  }
}
