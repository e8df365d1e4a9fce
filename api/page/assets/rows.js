// The rows of a long table: only those in sight are in the document.

import { h, renew } from "./elements.js";

const ALL_BELOW = 200; // so few rows are all there: the browser finds text in them
const BEYOND = 12; // rows kept above and below those in sight
const ASSUMED_PX = 37; // until a row has been measured

/** First and last place (exclusive) of the rows to have in the document. */
export function inSight(scrolled, height, rowPx, count) {
  if (count <= ALL_BELOW) return [0, count];
  const first = Math.max(0, Math.min(count, Math.floor(scrolled / rowPx)) - BEYOND);
  return [first, Math.min(count, Math.ceil((scrolled + height) / rowPx) + BEYOND)];
}

const spacer = (px) => {
  if (!px) return null;
  const cell = h("td", { class: "spacer" });
  cell.style.blockSize = `${px}px`;
  return h("tr", { "aria-hidden": "true" }, cell);
};

export class LongRows {
  /** @param {HTMLElement} scroller; @param {HTMLTableElement} table in it; @param {(row: object) => HTMLElement} build makes a row */
  constructor(scroller, table, build) {
    Object.assign(this, { scroller, table, build, rows: [], rowPx: ASSUMED_PX });
    scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(scroller);
  }

  /** @param {object[]} rows; @param {(row: object) => unknown} keyOf what a row shows; @param {unknown} shared what all show */
  show(rows, keyOf, shared) {
    Object.assign(this, { rows, keyOf, shared });
    this.table.classList.toggle("long", rows.length > ALL_BELOW);
    this.table.setAttribute("aria-rowcount", String(rows.length + 1));
    this.draw();
  }

  draw() {
    if (!this.keyOf) return;
    const [first, end] = inSight(this.scroller.scrollTop, this.scroller.clientHeight, this.rowPx, this.rows.length);
    const some = this.rows.slice(first, end);
    const [body] = this.table.tBodies;
    const focused = body.contains(document.activeElement) ? document.activeElement.dataset.series : null;
    renew(body, [first, this.rows.length, this.rowPx, this.shared, some.map(this.keyOf)], () => [
      spacer(first * this.rowPx),
      some.map((row, i) => {
        const element = this.build(row);
        element.setAttribute("aria-rowindex", String(first + i + 2));
        return element;
      }),
      spacer((this.rows.length - end) * this.rowPx),
    ]);
    if (focused) body.querySelector(`[data-series="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    this.measure(body);
  }

  /** The height of a row, which the style sheet keeps the same for all of a long table. */
  measure(body) {
    const row = body.querySelector("tr[aria-rowindex]");
    const px = row?.getBoundingClientRect().height;
    if (!px || Math.abs(px - this.rowPx) < 0.5 || this.rows.length <= ALL_BELOW) return;
    this.rowPx = px;
    this.draw();
  }
}
