// The list that the page keeps, with a server that answers what has changed.

import { deepEqual, equal } from "node:assert/strict";
import { KeptList, merged } from "../../api/page/assets/list.js";

const entries = (...ids) => ids.map((id) => ({ series_id: id }));
const idsOf = (list) => list.map(({ series_id: id }) => id);

Deno.test("a stretch is replaced by what the answer has of it", () => {
  const held = entries("A/1", "A/2", "A/3", "B/1");
  const after = (stretches, answered) => idsOf(merged(held, stretches, answered));
  deepEqual(after([{ after: "A/1", up_to: "A/3" }], entries("A/2b")), ["A/1", "A/2b", "B/1"]);
  deepEqual(after([{ after: null, up_to: "A/0" }], entries("A/0")), ["A/0", "A/1", "A/2", "A/3", "B/1"]);
  deepEqual(after([{ after: "A/3", up_to: null }], []), ["A/1", "A/2", "A/3"]);
  deepEqual(after([{ after: null, up_to: "A/1" }, { after: "A/2", up_to: "A/3" }], entries("A/3")), ["A/2", "A/3", "B/1"]);
  deepEqual(after([{ after: null, up_to: null }], entries("C")), ["C"]);
  deepEqual(after([], []), idsOf(held));
});

Deno.test("ids are in the order of their code points, not of their UTF-16", () => {
  deepEqual(idsOf(merged(entries("\uFFFD"), [{ after: "\uFFFD", up_to: "\u{1F600}" }], entries("\u{1F600}"))), ["\uFFFD", "\u{1F600}"]);
});

Deno.test("each page is asked for with its version, and an unchanged list stays the same array", async () => {
  const asked = [];
  const answers = [
    { series: entries("A", "B"), replaced: [{ after: null, up_to: "B" }], next_cursor: "B", version: "v1" },
    { series: entries("C"), replaced: [{ after: "B", up_to: null }], next_cursor: null, version: "v2" },
    { series: [], replaced: [], next_cursor: "B", version: "v1" },
    { series: [], replaced: [], next_cursor: null, version: "v2" },
    { series: entries("Bb"), replaced: [{ after: "A", up_to: null }], next_cursor: null, version: "v3" },
  ];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const query = new URL(request.url).searchParams;
    asked.push([query.get("cursor"), query.get("since")]);
    return Response.json(answers[asked.length - 1], { headers: { ETag: `"${asked.length}"` } });
  });
  const list = new KeptList(`http://127.0.0.1:${server.addr.port}/v1/series`);
  try {
    await list.renew();
    const first = list.entries;
    deepEqual(idsOf(first), ["A", "B", "C"]);
    await list.renew();
    equal(list.entries, first);
    await list.renew();
    deepEqual(idsOf(list.entries), ["A", "Bb"]);
  } finally {
    await server.shutdown();
  }
  deepEqual(asked, [[null, null], ["B", null], [null, "v1"], ["B", "v2"], [null, "v1"]]);
});
