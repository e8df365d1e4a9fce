// All series: a table that can be sorted by any column and filtered by state.

import { byId, h, renew } from "./elements.js";
import { count, dayAndClock, percent, ratio } from "./format.js";
import { LongRows } from "./rows.js";
import { countStates, stateBadge, STATES } from "./states.js";

const ORDER = ["stale", "expired", "no-forecast", "degraded", "fresh"];
const collator = new Intl.Collator("en", { numeric: true });
const byText = (pick) => (a, b) => collator.compare(pick(a), pick(b));
const byNumber = (pick) => (a, b) => pick(a) - pick(b);

const skillOf = (row) => (row.accuracy?.compared ? row.accuracy.skill_percent : null);

const COLUMNS = [
  { key: "series", title: "Series", compare: byText((row) => row.series_id) },
  { key: "state", title: "State", compare: byNumber((row) => ORDER.indexOf(row.state)) },
  { key: "rung", title: "Rung", compare: byNumber((row) => row.rung ?? 5), kind: "number wide-only" },
  { key: "wape", title: "WAPE", value: (row) => row.accuracy?.wape_percent ?? null, kind: "number" },
  { key: "mape", title: "MAPE", value: (row) => row.accuracy?.mape_percent ?? null, kind: "number wide-only" },
  { key: "mase", title: "MASE", value: (row) => row.accuracy?.mase ?? null, kind: "number wide-only" },
  { key: "skill", title: "Vs naive", value: skillOf, kind: "number" },
  { key: "behind", title: "Behind", kind: "number wide-only", value: (row) => row.hours_behind },
];

const keyOf = (row) => [row.series_id, row.state, row.rung, row.newest_hour, row.accuracy?.wape_percent, row.accuracy?.mape_percent, row.accuracy?.skill_percent];

/** Rows without a value come last in both directions. */
function order({ value, compare = byNumber(value) }, descending) {
  const unknown = value ? (row) => Number(value(row) === null) : () => 0;
  return (a, b) => unknown(a) - unknown(b) || (unknown(a) ? 0 : (descending ? -1 : 1) * compare(a, b)) || COLUMNS[0].compare(a, b);
}

export class Overview {
  /** @param {(seriesId: string) => void} choose is called with the selected series. */
  constructor(choose) {
    this.choose = choose;
    this.sort = { key: "series", descending: false };
    this.state = null;
    this.rows = new LongRows(byId("all").closest(".scroll"), byId("all"), (row) => this.row(row));
    document.querySelector("main").addEventListener("click", (event) => {
      const link = event.target.closest("a[data-series]");
      if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      this.choose(link.dataset.series);
      globalThis.scrollTo({ top: 0, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    });
  }

  /** Update the table; `series` and `accuracy` are the same objects while they have not changed. */
  show(series, accuracy, chosen, zone, link) {
    this.last = [series, accuracy, chosen, zone, link];
    if (this.from?.series !== series || this.from.accuracy !== accuracy) {
      const figures = new Map(accuracy?.map((entry) => [entry.series_id, entry]) ?? []);
      const rows = series.map((entry) => ({ ...entry, accuracy: figures.get(entry.series_id) ?? null }));
      this.from = { series, accuracy, rows, most: rows.reduce((most, row) => Math.max(most, row.accuracy?.wape_percent ?? 0), 0) };
      this.kept = null;
    }
    this.heads();
    this.chips(this.from.rows);
    if (!this.kept) {
      const column = COLUMNS.find((candidate) => candidate.key === this.sort.key);
      this.kept = this.from.rows.filter((row) => !this.state || row.state === this.state);
      this.kept.sort(order(column, this.sort.descending));
    }
    byId("all-count").textContent = count(this.kept.length, "series", "series");
    Object.assign(this, { chosen, zone, link });
    this.rows.show(this.kept, keyOf, [chosen, zone, this.from.most]);
  }

  again() {
    this.kept = null;
    if (this.last) this.show(...this.last);
  }

  heads() {
    renew(document.querySelector("#all thead"), this.sort, ({ key, descending }) => h("tr", {}, COLUMNS.map((column) => {
      const sorted = column.key === key;
      return h("th", { scope: "col", class: column.kind, "aria-sort": sorted ? (descending ? "descending" : "ascending") : "none" },
        h("button", { type: "button", "data-sort": column.key, onclick: () => this.sortBy(column.key) }, column.title, h("span", { "aria-hidden": "true" }, sorted ? (descending ? " ↓" : " ↑") : "")));
    })));
  }

  sortBy(key) {
    this.sort = { key, descending: this.sort.key === key ? !this.sort.descending : false };
    this.again();
    document.querySelector(`#all [data-sort="${key}"]`).focus();
  }

  chips(rows) {
    const counts = Object.entries(countStates(rows));
    renew(byId("states"), [counts, this.state], () => [
      this.chip(null, "All", rows.length),
      ...counts.filter(([, n]) => n).map(([state, n]) => this.chip(state, STATES[state].word, n)),
    ]);
  }

  chip(state, word, n) {
    const press = () => {
      this.state = state;
      this.again();
      document.querySelector(`#states [data-state="${state ?? "all"}"]`)?.focus();
    };
    return h("button", { type: "button", "data-state": state ?? "all", "aria-pressed": String(this.state === state), onclick: press }, `${word} ${n}`);
  }

  row(row) {
    const { chosen, zone, link, from: { most } } = this;
    const wape = row.accuracy?.wape_percent ?? null;
    const skill = skillOf(row);
    const fill = h("span", { class: "cell-bar" });
    fill.style.inlineSize = `${most && wape !== null ? (100 * wape) / most : 0}%`;
    return h("tr", { "aria-current": row.series_id === chosen ? "true" : undefined },
      h("th", { scope: "row" }, h("a", { href: link(row.series_id), "data-series": row.series_id }, decodeURIComponent(row.series_id.replaceAll("/", " / ")))),
      h("td", {}, stateBadge(row)),
      h("td", { class: "number wide-only", title: row.rung_meaning }, row.rung ?? 5),
      h("td", { class: "number wape" }, fill, h("span", {}, percent(wape))),
      h("td", { class: "number wide-only" }, percent(row.accuracy?.mape_percent)),
      h("td", { class: "number wide-only" }, ratio(row.accuracy?.mase)),
      h("td", { class: "number", "data-tone": skill === null ? "idle" : skill > 0 ? "good" : "bad" }, skill === null ? "–" : `${Math.round(Math.abs(skill))} % ${skill > 0 ? "better" : "worse"}`),
      h("td", { class: "number wide-only", title: row.newest_hour ? `Newest hour ${dayAndClock(Date.parse(row.newest_hour), zone)}` : undefined },
        row.hours_behind === null ? "–" : `${Math.round(row.hours_behind)} h`));
  }
}
