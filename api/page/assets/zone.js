// The time zone of the page: that of the source, UTC, or that of this browser; stored in this browser.

const KEY = "dayahead-zone";
const CHOICES = ["source", "utc", "browser"];

const chosen = () => {
  const stored = globalThis.localStorage?.getItem(KEY);
  return CHOICES.includes(stored) ? stored : "source";
};

/** The zone to show times of a source in. */
export const shownZone = (sourceZone) =>
  ({ source: sourceZone, utc: "UTC", browser: Intl.DateTimeFormat().resolvedOptions().timeZone })[chosen()];

/** Make a list choose the zone; `changed` shows everything again. */
export function startZone(select, changed) {
  select.value = chosen();
  select.addEventListener("change", () => {
    localStorage.setItem(KEY, select.value);
    changed();
  });
}
