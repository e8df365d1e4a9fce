// What made a forecast, in words: its parts relative to the level, and what changed since an earlier one.

import { h } from "./elements.js";
import { count, moment, signed } from "./format.js";

/** The parts that move a forecast from its level, in the order in which they are stacked. */
export const PARTS = [
  { key: "weather", name: "Weather" },
  { key: "calendar", name: "Calendar" },
  { key: "recent_load", name: "Recent load" },
  { key: "recent_errors", name: "Recent errors" },
  { key: "trees", name: "Trees and limits" },
];

/** The parts of an answer by key, what the page shows as one added up; null where it has none. */
export function partsOf(why) {
  if (!why?.parts) return null;
  const { limits, trees, ...others } = why.parts;
  return { ...others, trees: trees.map((value, i) => value + limits[i]) };
}

const total = (values) => values.reduce((sum, value) => sum + value, 0);

/** "weather +3.1 %, calendar −1.2 %", the largest first; parts below 0.05 % are left out. */
export function shares(parts, base) {
  const found = PARTS.map(({ key, name }) => ({ name: name.toLowerCase(), share: (100 * total(parts[key])) / base }))
    .filter(({ share }) => Math.abs(share) >= 0.05)
    .sort((a, b) => Math.abs(b.share) - Math.abs(a.share));
  return found.map(({ name, share }) => `${name} ${signed(share, 1)} %`).join(", ");
}

/** What is said below the chart. */
export function whyWords(why, zone) {
  const parts = partsOf(why);
  if (!parts) return [h("p", {}, `What made this forecast cannot be said: ${why.reason}.`)];
  const base = Math.abs(total(parts.level));
  const moved = base ? shares(parts, base) : "";
  const words = [
    h("p", { class: "legend" }, PARTS.map(({ key, name }) => h("span", { class: `key part-key ${key}` }, name))),
    h("p", {}, `Over the ${count(why.p50.length, "hour")} of the forecast, relative to its level (the same hours of the day and of the week before): `,
      h("strong", {}, moved || "nothing else"), "."),
  ];
  const { change } = why;
  const changed = change && partsOf(change);
  if (changed) {
    const held = total(why.p50.slice(0, change.p50.length));
    const level = held ? `${signed((100 * total(change.p50)) / Math.abs(held), 1)} %` : "–";
    const by = held ? [`level ${signed((100 * total(changed.level)) / Math.abs(held), 1)} %`, shares(changed, Math.abs(held))].filter(Boolean).join(", ") : "";
    words.push(h("p", {}, "Since the forecast from ", moment(change.origin, zone), `, for the ${count(change.p50.length, "hour")} that both hold: `, h("strong", {}, level), by ? ` (${by}).` : "."));
  } else if (change) words.push(h("p", {}, `What changed since the forecast from ${change.origin} cannot be said: ${change.reason}.`));
  return words;
}
