// The state of a series as text and tone. A tone is never colour alone: each has a sign.

import { h } from "./elements.js";

export const STATES = {
  fresh: { word: "Fresh", tone: "good", sign: "●" },
  degraded: { word: "Degraded", tone: "warn", sign: "◐" },
  "no-forecast": { word: "No forecast", tone: "idle", sign: "○" },
  stale: { word: "Stale", tone: "bad", sign: "▲" },
  expired: { word: "Expired", tone: "bad", sign: "◇" },
};

/** Number of series in each state, for the tile, the chips and the rows. */
export function countStates(series) {
  const counts = Object.fromEntries(Object.keys(STATES).map((state) => [state, 0]));
  for (const { state } of series) counts[state] += 1;
  return counts;
}

/** What each rung means, as the API says it. */
export const RUNGS = ["full model", "full model on degraded input", "previous release of the model", "weekly or daily profile", "last value", "no forecast yet"];

const RUNG_TONES = ["good", "warn", "warn", "warn", "warn", "idle"];
const RUNG_SIGNS = ["●", "◐", "◐", "◐", "◐", "○"];

/** A coloured label with a sign. */
export const badge = (tone, sign, text, title) =>
  h("span", { class: "badge", "data-tone": tone, title }, h("span", { "aria-hidden": "true" }, sign), h("span", { class: "word" }, text));

/** The state of a series as a label. */
export const stateBadge = (series) => {
  const { word, tone, sign } = STATES[series.state];
  return badge(tone, sign, word, series.stale_reason || series.expired_reason || undefined);
};

/** The rung of a forecast as a label; an outdated one is never green. */
export const rungBadge = (rung, meaning, outdated) => {
  const at = rung ?? 5;
  return badge(outdated ? "idle" : RUNG_TONES[at], RUNG_SIGNS[at], `Rung ${at}: ${meaning}`, "How far the forecast is degraded: 0 is best, 5 is no forecast");
};
