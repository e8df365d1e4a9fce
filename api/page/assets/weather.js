// The weather of a series in words.

import { h } from "./elements.js";
import { count, moment } from "./format.js";

/** "weather run of Tue 24 Jan, 18:00 (5 h old)", or that there is none. */
export const runWords = ({ run }, zone) =>
  run ? ["weather run of ", h("strong", {}, moment(run.start, zone)), ` (${ageWords(run.age_h)} old)`] : ["no weather run yet"];

/** Age of a run: "5 h", "3 days". */
export const ageWords = (hours) => (hours < 48 ? `${Math.max(0, Math.round(hours))} h` : count(Math.round(hours / 24), "day"));

/** What is wrong with the weather of a series; empty while nothing is. */
export function weatherSentences(weather) {
  if (!weather) return [];
  const { run, source, stale_reason: stale } = weather;
  return [
    stale && `Its weather is stale: ${stale}.`,
    !run && "No run of its weather has been published: it is forecast from load alone.",
    source?.missed_runs > 0 && `${source.title}: ${count(source.missed_runs, "run is", "runs are")} overdue.`,
    source?.failing_reason && `Its weather source fails: ${source.failing_reason}.`,
  ].filter(Boolean);
}
