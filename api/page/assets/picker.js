// Choosing a series: area and type, the search box, and the series before and after.

import { byId, h, renew } from "./elements.js";
import { words } from "./format.js";

const MOST_MATCHES = 8;

const typeOf = (series) => Object.values(series.labels).slice(1).join(" / ") || series.series_id;

export class Picker {
  /** @param {(seriesId: string) => void} choose is called with the selected series. */
  constructor(choose) {
    this.choose = choose;
    this.series = [];
    this.active = 0;
    byId("area").addEventListener("change", () => this.pickArea(byId("area").value));
    byId("type").addEventListener("change", () => this.choose(byId("type").value));
    byId("previous").addEventListener("click", () => this.step(-1));
    byId("next").addEventListener("click", () => this.step(1));
    byId("picker").addEventListener("submit", (event) => event.preventDefault());
    const search = byId("search");
    search.addEventListener("input", () => this.find());
    search.addEventListener("focus", () => this.find());
    search.addEventListener("keydown", (event) => this.key(event));
    search.addEventListener("blur", () => this.close());
    // before the blur of the box, so that a click on a match is handled
    byId("matches").addEventListener("pointerdown", (event) => this.take(event.target.closest("[data-series]")?.dataset.series));
  }

  /** Update the lists. */
  show(series, chosen) {
    this.series = series;
    this.chosen = series.find((entry) => entry.series_id === chosen);
    const areas = [...new Set(series.map((entry) => entry.area))].sort();
    const area = this.chosen?.area ?? areas[0];
    const types = series.filter((entry) => entry.area === area).map((entry) => [entry.series_id, typeOf(entry)]);
    renew(byId("area"), areas, () => areas.map((name) => h("option", { value: name }, name)));
    renew(byId("type"), types, () => types.map(([id, name]) => h("option", { value: id }, name)));
    byId("area").value = area;
    byId("type").value = chosen;
    const [first, ...rest] = Object.keys(this.chosen?.labels ?? series[0]?.labels ?? {});
    byId("area-label").textContent = first ? words(first) : "Area";
    byId("type-label").textContent = rest.length ? rest.map(words).join(" / ") : "Series";
  }

  /** The same type in another area, or that area's first series. */
  pickArea(area) {
    const there = this.series.filter((entry) => entry.area === area);
    const same = there.find((entry) => this.chosen && typeOf(entry) === typeOf(this.chosen));
    this.choose((same ?? there[0]).series_id);
  }

  step(by) {
    const at = this.series.indexOf(this.chosen);
    const next = this.series[(at + by + this.series.length) % this.series.length];
    if (next) this.choose(next.series_id);
  }

  find() {
    const wanted = byId("search").value.trim().toLowerCase();
    this.matches = wanted
      ? this.series.filter((entry) => `${entry.series_id} ${Object.values(entry.labels).join(" ")}`.toLowerCase().includes(wanted)).slice(0, MOST_MATCHES)
      : [];
    this.active = 0;
    this.list(wanted);
  }

  list(wanted) {
    const list = byId("matches");
    list.hidden = !wanted;
    byId("search").setAttribute("aria-expanded", String(!!wanted));
    const options = this.matches.map((entry, i) =>
      h("li", { role: "option", id: `match-${i}`, "data-series": entry.series_id, "aria-selected": String(i === this.active) }, Object.values(entry.labels).join(" / ")));
    list.replaceChildren(...(options.length ? options : [h("li", { class: "none" }, "No series matches")]));
    if (options.length) byId("search").setAttribute("aria-activedescendant", `match-${this.active}`);
    else byId("search").removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (event.key === "Escape") {
      byId("search").value = "";
      this.close();
    } else if (event.key === "Enter") {
      this.take(this.matches?.[this.active]?.series_id);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const n = this.matches?.length ?? 0;
      if (n) this.active = (this.active + (event.key === "ArrowDown" ? 1 : -1) + n) % n;
      this.list(byId("search").value.trim());
    } else return;
    event.preventDefault();
  }

  take(seriesId) {
    if (!seriesId) return;
    byId("search").value = "";
    this.close();
    this.choose(seriesId);
  }

  close() {
    byId("matches").hidden = true;
    byId("search").setAttribute("aria-expanded", "false");
    byId("search").removeAttribute("aria-activedescendant");
  }
}
