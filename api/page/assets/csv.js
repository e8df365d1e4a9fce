// Tables as CSV files (RFC 4180), made of what the page shows and saved by the browser.

/** The text of a table; a missing value is an empty cell. */
export function csvOf(columns, rows) {
  return [columns, ...rows].map((cells) => `${cells.map(cell).join(",")}\r\n`).join("");
}

function cell(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A name for the file of a series: letters, digits, dots and dashes. */
export const fileName = (...parts) => `${["dayahead", ...parts].join("-").replace(/[^\p{L}\p{N}.-]+/gu, "-")}.csv`;

/** Save a text as a file. */
export function save(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
