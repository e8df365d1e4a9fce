// Which rows of a long table are in the document.

import { deepEqual, ok } from "node:assert/strict";
import { inSight } from "../../api/page/assets/rows.js";

Deno.test("a short table is there as a whole", () => deepEqual(inSight(500, 400, 37, 76), [0, 76]));

Deno.test("of a long table the rows in sight and a few around them are there", () => {
  deepEqual(inSight(0, 370, 37, 10_000), [0, 22]);
  deepEqual(inSight(37_000, 370, 37, 10_000), [988, 1022]);
});

Deno.test("scrolled to the end, or beyond it after the list became shorter, the last rows are there", () => {
  deepEqual(inSight(370_000 - 370, 370, 37, 10_000), [9978, 10_000]);
  const [first, end] = inSight(370_000, 370, 37, 1000);
  ok(first < end);
  deepEqual(end, 1000);
});
