// A chart: observed hours, a forecast with its band, another forecast to compare with, and now, drawn in SVG.

import { s, h } from "./elements.js";
import { clock, compact, day, dayAndClock, duration, hourOfDay, isoDay, number, signed, utc } from "./format.js";
import { aloneIn, gapsOf } from "./hours.js";
import { niceTicks } from "./scales.js";
import { celsius, partsStrip, STRIP, stripsHeight, temperatureStrip } from "./strips.js";
import { PARTS } from "./why.js";
import { cropped, rangeOf } from "./zoom.js";

const HOUR_MS = 3_600_000;
const MANY_DAYS_H = 240; // of so many days the date says more than the weekday
const DRAG_PX = 12; // less is a click
const ZOOM_STEP = 0.25; // of the hours shown, at each end
const MONTHS_FROM_H = 80 * 24; // so many days are marked by month
const LABEL_PX = 44; // room of "18 Jan"
const NEAR_PX = 8; // of the line of now, the one of the origin says nothing more
const MARGIN = { top: 18, right: 14, bottom: 34, left: 52 };

/**
 * The data of the chart. Element i of an array is for the hour `start + i`.
 * @typedef {{zone: string, unit: string, start: number, observed: (number|null)[], firstHour: number|null,
 *   forecast: {start: number, p10: number[], p50: number[], p90: number[]} | null,
 *   references?: {name: string, values: (number|null)[]}[], temperature?: (number|null)[] | null,
 *   parts?: {start: number, values: Object<string, number[]>} | null,
 *   earlier: {start: number, p50: (number|null)[], name: string} | null, marked: {start: number, end: number, kind: string, words: string}[], outdated: boolean,
 *   message: string, now: number, length?: number}} ChartData `now` is the present hour of the source, `length` the least number of hours
 */

/** Hours from the first to the last one of a chart. */
const hoursOf = ({ observed, forecast, start, length = 0 }) =>
  Math.max(length, observed.length, forecast ? (forecast.start - start) / HOUR_MS + forecast.p50.length : length ? 0 : observed.length + 24);

export class Chart {
  /** @param {HTMLElement} box container; @param {(text: string) => void} say announces a reading to a screen reader; @param {() => void} zoomed is called when another part is shown. */
  constructor(box, say, zoomed = () => {}) {
    this.box = box;
    this.say = say;
    this.zoomed = zoomed;
    this.data = null;
    this.zoom = null;
    this.dragged = null;
    this.hour = null;
    this.tip = h("div", { class: "tip", hidden: true });
    new ResizeObserver(() => this.draw()).observe(box);
    box.addEventListener("pointermove", (event) => this.point(event));
    box.addEventListener("pointerdown", (event) => {
      this.point(event);
      if (event.pointerType === "mouse") this.dragged = event.clientX;
    });
    box.addEventListener("pointerup", (event) => this.drop(event));
    box.addEventListener("dblclick", () => this.zoomTo(null));
    box.addEventListener("pointerleave", () => {
      this.dragged = null;
      this.select(null);
    });
    box.addEventListener("blur", () => this.select(null));
    box.addEventListener("keydown", (event) => this.key(event));
  }

  /** @param {ChartData} data; @returns {boolean} whether only a part of it is shown */
  show(data) {
    const text = JSON.stringify(data);
    if (text === this.text) return !!this.zoom;
    this.text = text;
    if (data.start !== this.whole?.start) this.zoom = null; // another series, or the next hour
    this.whole = data;
    this.data = this.zoom ? cropped(data, this.zoom) : data;
    this.box.style.setProperty("--strips", `${stripsHeight(data)}px`);
    this.draw();
    return !!this.zoom;
  }

  /** Show only the hours from the first place to the second (exclusive) of the whole chart; null shows all. */
  zoomTo(range) {
    this.zoom = range;
    this.hour = null;
    this.data = range ? cropped(this.whole, range) : this.whole;
    this.draw();
    this.zoomed();
  }

  /** Zoom by the keyboard: in around the selected hour, or out. */
  zoomBy(sign) {
    const first = this.zoom?.[0] ?? 0;
    const hours = this.hours;
    const at = this.hour ?? hours / 2;
    const ends = sign > 0 ? [first + at * 2 * ZOOM_STEP, first + hours - 1 - (hours - 1 - at) * 2 * ZOOM_STEP] : [first - hours * 2 * ZOOM_STEP, first + hours * (1 + 2 * ZOOM_STEP)];
    const count = hoursOf(this.whole);
    this.zoomTo(rangeOf(Math.max(0, ends[0]), Math.min(count - 1, ends[1]), count));
  }

  hourAt(clientX) {
    const left = clientX - this.box.getBoundingClientRect().left;
    const span = this.x(this.data.start + (this.hours - 1) * HOUR_MS) - MARGIN.left;
    return ((left - MARGIN.left) / span) * (this.hours - 1);
  }

  drop(event) {
    const from = this.dragged;
    this.dragged = null;
    if (from === null || Math.abs(event.clientX - from) < DRAG_PX) return;
    const first = this.zoom?.[0] ?? 0;
    const last = first + this.hours - 1;
    const ends = [from, event.clientX].map((x) => Math.min(last, Math.max(first, first + this.hourAt(x))));
    this.zoomTo(rangeOf(ends[0], ends[1], hoursOf(this.whole)) ?? null);
  }

  get hours() {
    return hoursOf(this.data);
  }

  draw() {
    const width = this.box.clientWidth;
    const height = this.box.clientHeight;
    if (!this.data || width < 50) return;
    const { forecast, earlier, observed, start, zone, references = [] } = this.data;
    const series = [observed, forecast?.p10 ?? [], forecast?.p90 ?? [], earlier?.p50 ?? [], ...references.map(({ values }) => values)];
    const values = series.flat().filter((value) => value !== null);
    const ticks = niceTicks(values, Math.max(3, Math.round(height / 70)));
    const [low, high] = [ticks[0], ticks.at(-1)];
    const inner = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom - stripsHeight(this.data) };
    this.x = (ms) => MARGIN.left + ((ms - start) / HOUR_MS / Math.max(1, this.hours - 1)) * inner.width;
    this.y = (value) => MARGIN.top + (1 - (value - low) / (high - low || 1)) * inner.height;
    const bottom = MARGIN.top + inner.height;

    const layers = [
      s("defs", {}, s("pattern", { id: `${this.box.id}-gap`, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
        s("line", { class: "gap-line", y2: 6 }))),
      ...ticks.map((tick) => s("g", { class: "grid" },
        s("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: this.y(tick), y2: this.y(tick) }),
        s("text", { x: MARGIN.left - 8, y: this.y(tick) + 4, "text-anchor": "end" }, compact(tick)))),
      ...this.timeAxis(bottom, inner.width, zone),
      ...this.gaps(bottom),
      ...this.data.marked.map((range) => s("rect", {
        class: range.kind, x: this.x(range.start), width: Math.max(2, this.x(range.end) - this.x(range.start)),
        y: MARGIN.top, height: inner.height })),
    ];
    if (earlier) layers.push(s("path", { class: "earlier", d: this.line(earlier.start, earlier.p50) }));
    layers.push(s("path", { class: "observed", d: this.line(start, observed), "data-hours": observed.filter((v) => v !== null).length }));
    layers.push(...aloneIn(observed).map((i) => s("circle", { class: "observed-dot", cx: this.x(start + i * HOUR_MS), cy: this.y(observed[i]), r: 3 })));
    references.forEach(({ values }, i) => layers.push(s("path", { class: `reference line-${i}${i % 2 ? " second" : ""}`, d: this.line(start, values) })));
    if (forecast?.p50.length) layers.push(...this.forecastLayers(forecast, bottom));
    layers.push(...this.nowLayers(width, bottom));
    this.floor = bottom;
    this.temperatureY = null;
    if (this.data.temperature) {
      const strip = temperatureStrip(this, bottom + MARGIN.bottom, { left: MARGIN.left, right: width - MARGIN.right });
      layers.push(...strip.layers);
      this.temperatureY = strip.y;
    }
    if (this.data.parts) layers.push(...partsStrip(this, bottom + MARGIN.bottom + (this.data.temperature ? STRIP : 0), { left: MARGIN.left, right: width - MARGIN.right }));
    if (stripsHeight(this.data)) this.floor = height;
    this.cursor = s("g", { class: "cursor" });
    layers.push(this.cursor);
    const picture = s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": this.summary() }, layers);
    this.box.replaceChildren(...[picture, this.tip, this.message(width)].filter(Boolean));
    this.drawCursor();
  }

  /** Why there is no forecast, shown in its place; if that is too narrow, the badge above has the reason. */
  message(width) {
    if (!this.data.message) return null;
    const left = this.x(this.data.start + this.data.observed.length * HOUR_MS);
    if (width - left < 90) return null;
    const note = h("p", { class: "chart-message" }, this.data.message);
    note.style.insetInlineStart = `${left}px`;
    return note;
  }

  forecastLayers({ start, p10, p50, p90 }, bottom) {
    const origin = start - HOUR_MS;
    const last = this.valueAt(this.data.observed, this.data.start, origin);
    const bridge = (values) => (last === null ? [start, values] : [origin, [last, ...values]]);
    const there = this.line(...bridge(p90));
    const back = this.line(...bridge(p10), true).replace("M", "L");
    return [
      s("path", { class: this.data.outdated ? "band outdated" : "band", d: `${there}${back}Z` }),
      origin >= this.data.start && Math.abs(this.x(origin) - this.x(this.data.now)) > NEAR_PX ? s("line", { class: "origin", x1: this.x(origin), x2: this.x(origin), y1: MARGIN.top, y2: bottom }) : null,
      s("path", { class: this.data.outdated ? "median outdated" : "median", d: this.line(...bridge(p50)) }),
      last === null ? null : s("circle", { class: "newest", cx: this.x(origin), cy: this.y(last), r: 4 }),
    ].filter(Boolean);
  }

  /** A line at the present hour of the source; where that lies beyond the chart, words at its edge. */
  nowLayers(width, bottom) {
    const { now, start } = this.data;
    const end = start + (this.hours - 1) * HOUR_MS;
    if (now < start) return [];
    if (now > end + HOUR_MS) {
      if (this.data.length) return []; // a day that is over
      return [s("text", { class: "now-text", x: width - MARGIN.right, y: MARGIN.top - 3, "text-anchor": "end" }, `now is ${duration(now - end)} later →`)];
    }
    const x = this.x(Math.min(now, end));
    const late = x > width - 60;
    return [
      s("line", { class: "now", x1: x, x2: x, y1: MARGIN.top, y2: bottom }),
      s("text", { class: "now-text", x: late ? x - 4 : x, y: MARGIN.top - 3, "text-anchor": late ? "end" : "middle" }, "now"),
    ];
  }

  timeAxis(bottom, width, zone) {
    const marks = [];
    const perDay = (width / this.hours) * 24;
    const byMonth = this.hours >= MONTHS_FROM_H;
    const stride = perDay > 24 ? 1 : Math.ceil(LABEL_PX / perDay); // days from label to label
    let days = 0;
    for (let i = 0; i < this.hours; i += 1) {
      const ms = this.data.start + i * HOUR_MS;
      const hour = hourOfDay(ms, zone);
      const x = this.x(ms);
      if (hour === 0 && (!byMonth || isoDay(ms, zone).endsWith("-01"))) {
        marks.push(s("line", { class: "midnight", x1: x, x2: x, y1: MARGIN.top, y2: bottom + 6 }));
        const room = this.x(this.data.start + (this.hours - 1) * HOUR_MS) - x;
        const [weekday, date, month] = day(ms, zone).split(" ");
        const label = byMonth ? month : stride > 1 ? `${date} ${month}` : perDay >= 56 ? day(ms, zone) : this.hours > MANY_DAYS_H ? date : weekday;
        days += 1;
        if (room > label.length * 4 && (byMonth || days % stride === 1 % stride)) marks.push(s("text", { class: "day", x: x + 4, y: bottom + 28 }, label));
      }
      if (perDay > 150 && hour % 6 === 0 && x > MARGIN.left + 8) marks.push(s("text", { class: "hour", x, y: bottom + 14, "text-anchor": "middle" }, clock(ms, zone)));
    }
    return [s("g", { class: "time" }, marks)];
  }

  /** Runs of unobserved hours, marked as gaps. */
  gaps(bottom) {
    const { observed, start, firstHour } = this.data;
    return gapsOf(start, observed, firstHour).map(([first, last]) => {
      const [x, end] = [this.x(start + (first - 0.5) * HOUR_MS), this.x(start + (last + 0.5) * HOUR_MS)];
      return s("rect", { class: "gap", x: Math.max(MARGIN.left, x), width: Math.max(2, end - x), y: MARGIN.top, height: bottom - MARGIN.top, fill: `url(#${this.box.id}-gap)` });
    });
  }

  line(start, values, backwards = false) {
    const points = values.map((value, i) => (value === null ? null : [this.x(start + i * HOUR_MS), this.y(value)]));
    if (backwards) points.reverse();
    let pen = "M";
    let path = "";
    for (const point of points) {
      if (point === null) pen = "M";
      else {
        path += `${pen}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
        pen = "L";
      }
    }
    return path;
  }

  valueAt(values, start, ms) {
    return values?.[Math.round((ms - start) / HOUR_MS)] ?? null;
  }

  point(event) {
    if (!this.x) return;
    this.select(Math.round(this.hourAt(event.clientX)));
    if (this.dragged !== null) this.drawDrag(event.clientX);
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -24, PageDown: 24 }[event.key];
    if (event.key === "Escape") {
      if (this.zoom) this.zoomTo(null);
      this.select(null);
    } else if (event.key === "+" || event.key === "-") this.zoomBy(event.key === "+" ? 1 : -1);
    else if (event.key === "Home") this.select(0);
    else if (event.key === "End") this.select(this.hours - 1);
    else if (step) this.select((this.hour ?? this.data.observed.length - 1) + step);
    else return;
    event.preventDefault();
    this.say(this.hour === null ? "" : this.reading().join(", "));
  }

  select(hour) {
    this.hour = hour === null ? null : Math.min(this.hours - 1, Math.max(0, hour));
    this.drawCursor();
  }

  /** The range that is being dragged. */
  drawDrag(clientX) {
    const left = this.box.getBoundingClientRect().left;
    const [from, to] = [this.dragged - left, clientX - left].sort((a, b) => a - b);
    this.cursor.append(s("rect", { class: "dragged", x: from, width: to - from, y: MARGIN.top, height: this.floor - MARGIN.top }));
  }

  reading() {
    const { start, observed, forecast, earlier, unit, zone, references = [] } = this.data;
    const ms = start + this.hour * HOUR_MS;
    const lines = [dayAndClock(ms, zone)];
    const seen = this.valueAt(observed, start, ms);
    if (ms === this.data.now) lines.push("Now");
    if (seen !== null) lines.push(`Observed ${number(seen)} ${unit}`);
    else if (this.hour < observed.length) lines.push("No value observed");
    lines.push(...this.data.marked.filter((range) => ms >= range.start && ms < range.end).map((range) => range.words));
    const median = forecast && this.valueAt(forecast.p50, forecast.start, ms);
    if (median !== null && median !== undefined) {
      const [low, high] = [forecast.p10, forecast.p90].map((values) => this.valueAt(values, forecast.start, ms));
      lines.push(`Forecast ${number(median)} ${unit}`, `10–90 %: ${number(low)} to ${number(high)}`);
    }
    const before = earlier && this.valueAt(earlier.p50, earlier.start, ms);
    if (before !== null && before !== undefined) lines.push(`${earlier.name} ${number(before)} ${unit}`);
    for (const { name, values } of references) {
      const value = this.valueAt(values, start, ms);
      if (value !== null) lines.push(`${name} ${number(value)} ${unit}`);
    }
    const warm = this.valueAt(this.data.temperature, start, ms);
    if (warm !== null) lines.push(`${this.hour < observed.length ? "Temperature" : "Temperature forecast"} ${celsius(warm)}`);
    const { parts } = this.data;
    const place = parts ? Math.round((ms - parts.start) / HOUR_MS) : -1;
    for (const { key, name } of parts?.values.level[place] === undefined ? [] : [{ key: "level", name: "Level" }, ...PARTS]) {
      const value = parts.values[key][place];
      if (key === "level" || Math.abs(value) >= 0.005 * Math.abs(parts.values.level[place])) lines.push(`${name} ${key === "level" ? number(value) : signed(value)}`);
    }
    return lines;
  }

  drawCursor() {
    this.tip.hidden = this.hour === null || !this.data;
    if (!this.cursor) return;
    this.cursor.replaceChildren();
    if (this.tip.hidden) return;
    const { start, observed, forecast } = this.data;
    const ms = start + this.hour * HOUR_MS;
    const x = this.x(ms);
    this.cursor.append(s("line", { x1: x, x2: x, y1: MARGIN.top, y2: this.floor }));
    for (const [values, from, name] of [[observed, start, "observed-dot"], [forecast?.p50, forecast?.start, "median-dot"]]) {
      const value = this.valueAt(values, from, ms);
      if (value !== null) this.cursor.append(s("circle", { class: name, cx: x, cy: this.y(value), r: 4 }));
    }
    const warm = this.valueAt(this.data.temperature, start, ms);
    if (warm !== null) this.cursor.append(s("circle", { class: "temperature-dot", cx: x, cy: this.temperatureY(warm), r: 4 }));
    const [title, ...lines] = this.reading();
    this.tip.replaceChildren(h("strong", {}, title), h("small", {}, utc(ms)), ...lines.map((text) => h("span", {}, text)));
    const room = this.box.clientWidth - this.tip.offsetWidth - 8;
    const left = x + 14 > room ? x - this.tip.offsetWidth - 14 : x + 14;
    this.tip.style.transform = `translate(${Math.max(4, left)}px, ${MARGIN.top}px)`;
  }

  summary() {
    const { observed, forecast, unit } = this.data;
    const seen = observed.filter((value) => value !== null);
    const text = seen.length ? `${seen.length} observed hours, the last ${number(seen.at(-1))} ${unit}` : "No observed hours";
    if (!forecast?.p50.length) return `${text}; no forecast.`;
    const ahead = this.data.length ? "" : "the next "; // a day may be over
    return `${text}; forecast of ${ahead}${forecast.p50.length} hours from ${number(Math.min(...forecast.p50))} to ${number(Math.max(...forecast.p50))} ${unit}.`;
  }
}
