// Strips below the chart on its axis of time: the temperature of each hour, and the parts of its forecast.

import { s } from "./elements.js";
import { compact } from "./format.js";
import { niceTicks } from "./scales.js";
import { PARTS } from "./why.js";

const HOUR_MS = 3_600_000;
const HEIGHT = 76;
const HEAD = 32; // its title, and room to what is above it
const TICKS = 3;

/** Pixels that the strips of a chart need below its axis of time. */
export const stripsHeight = ({ temperature, parts }) => [temperature, parts].filter(Boolean).length * (HEAD + HEIGHT);

/** Pixels that one strip needs. */
export const STRIP = HEAD + HEIGHT;

/**
 * Draw the temperature.
 * @param {import("./chart.js").Chart} chart with its scale of time; @param {number} top of the strip; @param {{left: number, right: number}} edges
 * @returns {{layers: Element[], y: (celsius: number) => number}}
 */
export function temperatureStrip(chart, top, { left, right }) {
  const { temperature, start, observed } = chart.data;
  const known = temperature.filter((value) => value !== null);
  const ticks = niceTicks(known, TICKS);
  const [low, high] = [ticks[0], ticks.at(-1)];
  const lower = top + HEAD + HEIGHT;
  const y = (celsius) => lower - ((celsius - low) / (high - low || 1)) * HEIGHT;
  const seen = observed.length; // from here on it is forecast
  const path = (from, to) => {
    let pen = "M";
    return temperature.slice(from, to).map((value, i) => {
      if (value === null) { pen = "M"; return ""; }
      const point = `${pen}${chart.x(start + (from + i) * HOUR_MS).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
      return point;
    }).join("");
  };
  const layers = [
    s("text", { class: "strip-title", x: left, y: top + 22 }, "Temperature, °C"),
    ...ticks.map((tick) => s("g", { class: "grid" },
      s("line", { x1: left, x2: right, y1: y(tick), y2: y(tick) }),
      s("text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, `${tick < 0 ? "−" : ""}${Math.abs(tick)}°`))),
    s("path", { class: "temperature", d: path(0, seen) }),
    s("path", { class: "temperature ahead", d: path(Math.max(0, seen - 1), temperature.length) }),
  ];
  return { layers, y };
}

/**
 * Draw the parts of the forecast as bars, what adds above the line of the level and what takes away below it.
 * @param {import("./chart.js").Chart} chart; @param {number} top; @param {{left: number, right: number}} edges
 */
export function partsStrip(chart, top, { left, right }) {
  const { start, values } = chart.data.parts;
  const hours = values[PARTS[0].key].map((_, i) => PARTS.map(({ key }) => values[key][i]));
  const ends = hours.flatMap((of) => [of.filter((v) => v > 0).reduce((a, b) => a + b, 0), of.filter((v) => v < 0).reduce((a, b) => a + b, 0)]);
  const ticks = niceTicks([...ends, 0], TICKS);
  const [low, high] = [ticks[0], ticks.at(-1)];
  const lower = top + HEAD + HEIGHT;
  const y = (value) => lower - ((value - low) / (high - low || 1)) * HEIGHT;
  const width = Math.max(1, chart.x(start + HOUR_MS) - chart.x(start) - 0.5);
  const bars = hours.flatMap((of, i) => {
    const ends = { up: 0, down: 0 };
    const x = chart.x(start + i * HOUR_MS) - width / 2;
    return of.map((value, place) => {
      if (!value) return null;
      const side = value > 0 ? "up" : "down";
      const [from, to] = [ends[side], ends[side] + value];
      ends[side] = to;
      return s("rect", { class: `part ${PARTS[place].key}`, x, width, y: Math.min(y(from), y(to)), height: Math.max(0.5, Math.abs(y(from) - y(to))) });
    }).filter(Boolean);
  });
  return [
    s("text", { class: "strip-title", x: left, y: top + 22 }, `What moves the forecast from its level, ${chart.data.unit}`),
    ...ticks.map((tick) => s("g", { class: "grid" },
      s("line", { x1: left, x2: right, y1: y(tick), y2: y(tick) }),
      s("text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, compact(tick)))),
    ...bars,
  ];
}

/** 7.3 °C; −0.4 °C. */
export const celsius = (value) => `${value < 0 ? "−" : ""}${Math.abs(value).toFixed(1)} °C`;
