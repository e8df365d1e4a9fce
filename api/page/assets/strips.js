// Strips below the chart on its axis of time: the temperature of each hour.

import { s } from "./elements.js";
import { niceTicks } from "./scales.js";

const HOUR_MS = 3_600_000;
const HEIGHT = 76;
const HEAD = 22; // its title, and room to what is above it
const TICKS = 3;

/** Pixels that the strips of a chart need below its axis of time. */
export const stripsHeight = ({ temperature }) => (temperature ? HEAD + HEIGHT : 0);

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
    s("text", { class: "strip-title", x: left, y: top + 12 }, "Temperature, °C"),
    ...ticks.map((tick) => s("g", { class: "grid" },
      s("line", { x1: left, x2: right, y1: y(tick), y2: y(tick) }),
      s("text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, `${tick}°`))),
    s("path", { class: "temperature", d: path(0, seen) }),
    s("path", { class: "temperature ahead", d: path(Math.max(0, seen - 1), temperature.length) }),
  ];
  return { layers, y };
}

/** 7.3 °C; −0.4 °C. */
export const celsius = (value) => `${value < 0 ? "−" : ""}${Math.abs(value).toFixed(1)} °C`;
