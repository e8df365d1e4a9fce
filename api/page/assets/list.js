// A list of many series that the page keeps: after the first answer it asks for what has changed.

import { get } from "./requests.js";

const PAGE = 5000;

/** Order of series ids as the API has it: by their UTF-8 bytes, which is that of their code points. */
function isAfter(a, b) {
  const [left, right] = [Array.from(a), Array.from(b)];
  const place = left.findIndex((sign, i) => sign !== right[i]);
  if (place < 0 || place >= right.length) return left.length > right.length;
  return left[place].codePointAt(0) > right[place].codePointAt(0);
}

/** Place of the first entry after a series id. */
function placeAfter(entries, seriesId) {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isAfter(entries[middle].series_id, seriesId)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The list with the entries in some stretches replaced; all are in the order of their ids. */
export function merged(held, stretches, answered) {
  const parts = [];
  let [at, taken] = [0, 0];
  for (const { after, up_to: upTo } of stretches) {
    parts.push(held.slice(at, after === null ? 0 : placeAfter(held, after)));
    at = upTo === null ? held.length : placeAfter(held, upTo);
    const end = upTo === null ? answered.length : placeAfter(answered, upTo);
    parts.push(answered.slice(taken, end));
    taken = end;
  }
  return [...parts.flat(), ...held.slice(at)];
}

export class KeptList {
  /** @param {string} path of the resource */
  constructor(path) {
    Object.assign(this, { path, entries: [], page: null, versions: [] });
  }

  /** Ask for what has changed; `entries` stays the same array while nothing has. Throws a Refusal, and keeps what it has. */
  async renew() {
    const pages = [];
    let cursor = null;
    do {
      const asked = new URLSearchParams({ limit: PAGE });
      if (cursor) asked.set("cursor", cursor);
      if (this.versions[pages.length]) asked.set("since", this.versions[pages.length]);
      pages.push(await get(`${this.path}?${asked}`, `${this.path} ${pages.length}`));
      cursor = pages.at(-1).next_cursor;
    } while (cursor);
    const stretches = pages.flatMap((page) => page.replaced);
    if (stretches.length) this.entries = merged(this.entries, stretches, pages.flatMap((page) => page.series));
    Object.assign(this, { page: pages[0], versions: pages.map((page) => page.version) });
  }
}
