// Dead letters: number by code, the newest ones, and the remedies.

import { byId, h, renew } from "./elements.js";
import { count, moment } from "./format.js";

/** Show the panel; hidden while there are no dead letters. */
export function showLetters(answer, refusal) {
  const panel = byId("letters");
  panel.hidden = !answer?.counts.length;
  if (panel.hidden) return;
  renew(byId("letters-body"), [answer, refusal?.message], () => [
    refusal && h("p", {}, `Outdated: ${refusal.message}`),
    ...counts(answer),
    list(answer),
  ]);
}

function counts(answer) {
  const all = answer.counts.reduce((sum, entry) => sum + entry.letters, 0);
  return [
    h("p", {}, `Rejected, used in no forecast: ${count(all, "message or record", "messages and records")} (of the newest 1,000). Valid ones were processed. `,
      "Show values: ", h("code", {}, "dayahead dead-letters show OFFSET"), ". Replay: ", h("code", {}, "dayahead dead-letters replay --code CODE"), "."),
    h("dl", { class: "remedies" }, answer.counts.flatMap((entry) => [
      h("dt", {}, h("code", {}, entry.code), ` ${count(entry.letters, "letter")}`),
      h("dd", {}, entry.remedy),
    ])),
  ];
}

function list(answer) {
  const heads = ["Offset", "Rejected", "Source", "Reason"].map((title) => h("th", { scope: "col" }, title));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": "letters-title" },
    h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, answer.letters.map(row))));
}

function row(letter) {
  return h("tr", {},
    h("th", { scope: "row" }, String(letter.offset)),
    h("td", {}, moment(letter.time, "UTC")),
    h("td", {}, letter.source || letter.source_topic || "–"),
    h("td", {}, h("code", {}, letter.code), ` ${letter.reason}${letter.replayed_at ? " (replayed)" : ""}`));
}
