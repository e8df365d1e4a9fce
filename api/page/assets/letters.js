// Dead letters: number by code, the newest ones, and the remedies.

import { byId, h, renew } from "./elements.js";
import { count, moment } from "./format.js";

/** Show the panel; hidden while there are no dead letters. `of` is the one series that they are of, null for all. */
export function showLetters(answer, refusal, of) {
  const panel = byId("letters");
  panel.hidden = !answer?.counts.length && !of;
  if (panel.hidden) return;
  byId("letters-of").textContent = of ? `of ${of}` : "the newest";
  byId("letters-all").hidden = !of;
  renew(byId("letters-body"), [answer, refusal?.message], () => [
    refusal && h("p", {}, `Outdated: ${refusal.message}`),
    ...(answer?.counts.length ? [...counts(answer), list(answer)] : [h("p", { class: "note" }, "None among the newest 1,000.")]),
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
  const heads = ["Offset", "Rejected", "Source, series", "Reason"].map((title) => h("th", { scope: "col" }, title));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of dead letters" },
    h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, answer.letters.map(row))));
}

/** An id as people write it; one that a sender wrote in another way stays as it is. */
function decoded(seriesId) {
  try {
    return decodeURIComponent(seriesId);
  } catch {
    return seriesId;
  }
}

function row(letter) {
  return h("tr", {},
    h("th", { scope: "row" }, String(letter.offset)),
    h("td", {}, moment(letter.time, "UTC")),
    h("td", {}, letter.source || letter.source_topic || "–", letter.series_id ? " " : null, letter.series_id ? h("a", { href: `?series=${encodeURIComponent(letter.series_id)}`, "data-series": letter.series_id }, decoded(letter.series_id)) : null),
    h("td", {}, h("code", {}, letter.code), ` ${letter.reason}${letter.replayed_at ? " (replayed)" : ""}`));
}
