// A table of what happened, newest first, with a heading.

import { h } from "./elements.js";

/**
 * @param {string} id of the heading; @param {string} title
 * @param {[string, string?][]} columns title and class of each; @param {Element[]} rows
 */
export function logTable(id, title, columns, rows) {
  const heads = columns.map(([name, kind]) => h("th", { scope: "col", class: kind }, name));
  return [
    h("h3", { id }, title),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": id },
      h("table", { class: "log" }, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows))),
  ];
}
