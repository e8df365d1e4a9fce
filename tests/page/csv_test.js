// The files that the page saves.

import { equal } from "node:assert/strict";
import { csvOf, fileName } from "../../api/page/assets/csv.js";

Deno.test("a missing value is an empty cell, and what would break a row is quoted", () => {
  equal(csvOf(["a", "b"], [[1.5, null], ["x,y", 'say "no"'], ["two\nlines", undefined]]), 'a,b\r\n1.5,\r\n"x,y","say ""no"""\r\n"two\nlines",\r\n');
});

Deno.test("the name of a file has no separators of folders", () => {
  equal(fileName("DK1/111", "2023-01-26"), "dayahead-DK1-111-2023-01-26.csv");
  equal(fileName("Å b/50%25/..", "2023-01-26"), "dayahead-Å-b-50-25-..-2023-01-26.csv");
});
