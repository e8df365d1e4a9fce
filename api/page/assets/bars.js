// Bars of the accuracy by lead and by hour of the day.

import { byId, h, renew, s } from "./elements.js";
import { number, percent } from "./format.js";
import { niceTicks } from "./scales.js";

const WIDTH = 480;
const HEIGHT = 150;
const MARGIN = { top: 8, right: 4, bottom: 22, left: 42 };
const LABEL_EVERY = 3;

/** Update both charts; the card is hidden while nothing is scored. */
export function showAccuracyByHour(found) {
  const card = byId("by-hour");
  const scored = found?.by_lead.some(({ wape_percent: wape }) => wape !== null);
  card.hidden = !scored;
  if (!scored) return;
  const zone = found.time_zone.split("/").at(-1).replaceAll("_", " ");
  renew(byId("by-hour-body"), found, () => [
    bars("By lead, hours after the newest observed one", found.by_lead.map((one) => ({ name: String(one.lead), text: `${one.lead} h ahead`, ...one })), found.unit),
    bars(`By hour of the day in ${zone}`, found.by_hour.map((one) => ({ name: String(one.hour), text: `${String(one.hour).padStart(2, "0")}:00`, ...one })), found.unit),
  ]);
}

const words = (one, unit) => `${one.text}: WAPE ${percent(one.wape_percent)}, mean error ${one.mean_absolute_error === null ? "–" : `${number(one.mean_absolute_error)} ${unit}`}`;

function bars(title, entries, unit) {
  const known = entries.filter(({ wape_percent: wape }) => wape !== null);
  const ticks = niceTicks([0, ...known.map(({ wape_percent: wape }) => wape)], 3);
  const high = ticks.at(-1) || 1;
  const step = (WIDTH - MARGIN.left - MARGIN.right) / entries.length;
  const floor = HEIGHT - MARGIN.bottom;
  const y = (value) => floor - (value / high) * (floor - MARGIN.top);
  const worst = known.reduce((a, b) => (b.wape_percent > a.wape_percent ? b : a));
  const best = known.reduce((a, b) => (b.wape_percent < a.wape_percent ? b : a));
  const summary = `Smallest at ${best.text}, ${percent(best.wape_percent)}; largest at ${worst.text}, ${percent(worst.wape_percent)}.`;
  return h("figure", { class: "bars" },
    h("figcaption", {}, h("strong", {}, title), h("span", { class: "note" }, summary)),
    s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}. ${entries.map((one) => words(one, unit)).join("; ")}` },
      ...ticks.map((tick) => s("g", { class: "grid" },
        s("line", { x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: y(tick), y2: y(tick) }),
        s("text", { x: MARGIN.left - 6, y: y(tick) + 4, "text-anchor": "end" }, `${tick} %`))),
      ...entries.map((one, i) => s("g", {},
        one.wape_percent === null ? null : s("rect", { class: one === worst ? "lead-bar worst" : "lead-bar", x: MARGIN.left + i * step + 1, width: Math.max(1, step - 2), y: y(one.wape_percent), height: floor - y(one.wape_percent) }, s("title", {}, words(one, unit))),
        i % LABEL_EVERY === 0 ? s("text", { x: MARGIN.left + (i + 0.5) * step, y: HEIGHT - 6, "text-anchor": "middle" }, one.name) : null))));
}
