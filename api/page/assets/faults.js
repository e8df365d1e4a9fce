// What is wrong with the data of a series, in words: what was rejected or set aside, since when, and what to do.

import { h } from "./elements.js";
import { count, moment, number } from "./format.js";

const HOUR_MS = 3_600_000;
const MOST = 3; // of one kind
const RUNBOOK = "/runbook#data-that-fail-validation";
const LETTERS_RUNBOOK = "/runbook#deadlettersarriving";

/** What to do about values that no model learns from, by the rule that set them aside. */
const SET_ASIDE = {
  impossible_value: "Check minimum and maximum of the source, and the meter.",
  implausible_zero: "Check whether readings were lost; values that the source corrects replace them.",
  stuck_meter: "Check the meter; values that the source corrects replace them.",
  spike: "Check the meter; values that the source corrects replace them.",
  level_break: "If the change is meant, nothing: models learn from the hours after it.",
};

/**
 * A fault of the data.
 * @typedef {{kind: string, text: (string|Node)[], action: string, letters: boolean, runbook: string}} Fault
 * `action` is what to do, `letters` whether dead letters of the series belong to it
 */

/** Letters that still wait to be corrected, by code. */
export function waitingLetters(answer) {
  const waiting = Map.groupBy(answer?.letters.filter((letter) => !letter.replayed_at) ?? [], ({ code }) => code);
  return [...waiting].map(([code, letters]) => ({
    code, letters: letters.length, more: answer.next_cursor !== null, oldest: letters.at(-1).time, newest: letters[0].time,
    reason: letters[0].reason, remedy: letters[0].remedy,
  }));
}

/** Everything that is wrong with the data of a series, worst first. */
export function faultsOf(detail, letters, totals, zone) {
  const waiting = waitingLetters(letters);
  const outside = waiting.find(({ code }) => code === "absurd_value");
  return [
    ...waiting.filter((one) => one !== outside || !detail.quality.beyond_limits).map((one) => rejected(one, zone)),
    ...beyondLimits(detail, outside, zone),
    ...setAside(detail.quality.quarantined, zone),
    ...incomplete(totals, zone),
  ];
}

function rejected({ code, letters, more, oldest, newest, reason, remedy }, zone) {
  const since = letters === 1 ? [" at ", moment(oldest, zone)] : [" since ", moment(oldest, zone), ", the newest at ", moment(newest, zone)];
  return {
    kind: "rejected", letters: true, runbook: LETTERS_RUNBOOK, action: remedy,
    text: [`${more ? "At least " : ""}${count(letters, "value of this series was", "values of this series were")} rejected`, ...since, `: ${reason} (${code}).`],
  };
}

function beyondLimits({ quality: { beyond_limits: lost }, unit }, letters, zone) {
  if (!lost) return [];
  const since = letters ? ["since ", moment(letters.oldest, zone)] : ["within its newest week"];
  return [{
    kind: "beyond-limits", letters: !!letters, runbook: RUNBOOK,
    text: [`${count(lost.lost_hours, "hour")} of ${lost.given_hours} (${lost.lost_percent.toFixed(1)} %) were rejected `, ...since, `: beyond minimum or maximum of the source, up to ${number(lost.extreme)} ${unit}.`],
    action: lost.lost_percent > 1
      ? "So many are rarely wrong: correct the limits in the source file, register it, and replay the dead letters."
      : "If they are right, widen the limits in the source file, register it, and replay the dead letters; else nothing.",
  }];
}

function setAside(ranges, zone) {
  const some = ranges.slice(-MOST).reverse();
  const others = ranges.length - some.length;
  return some.map(({ start, end, hours, rule, reason }, i) => ({
    kind: "set-aside", letters: false, runbook: RUNBOOK, action: SET_ASIDE[rule] ?? "",
    text: [`${count(hours, "hour is", "hours are")} set aside, from `, moment(start, zone), " to ", moment(new Date(Date.parse(end) - HOUR_MS).toISOString(), zone), `: ${reason}. They are in the chart, and no model learns from them.`,
      others && i === some.length - 1 ? ` ${count(others, "earlier range is", "earlier ranges are")} set aside too.` : ""],
  }));
}

/** Hours of a total that series lack: without a total, or with one that was made without them. */
function incomplete(totals, zone) {
  const hours = totals?.incomplete ?? [];
  const some = hours.slice(0, MOST);
  const others = hours.length - some.length;
  return some.map(({ valid_time: hour, reason, published }, i) => ({
    kind: "incomplete", letters: false, runbook: RUNBOOK,
    text: ["The hour of ", moment(hour, zone), ` is incomplete: ${reason}.`, others && i === some.length - 1 ? ` ${count(others, "earlier hour lacks", "earlier hours lack")} series too.` : ""],
    action: published
      ? "If their values arrive, it is summed again; until then read it as too small."
      : "It is summed as soon as they arrive, or once they count as silent: look at the series named.",
  }));
}

/** The list of the faults; `showLetters` shows the dead letters of the series. */
export function faultList(faults, showLetters) {
  return h("ul", {}, faults.map(({ kind, text, action, letters, runbook }) => h("li", { "data-fault": kind },
    h("span", {}, text), action ? h("span", { class: "action" }, `What to do: ${action}`) : null,
    h("span", { class: "ways" },
      letters ? h("button", { type: "button", class: "quiet small", "data-letters": true, onclick: showLetters }, "Its dead letters") : null,
      h("a", { href: runbook }, "Runbook")))));
}
