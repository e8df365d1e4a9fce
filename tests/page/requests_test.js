// What the page asks the API, and how it takes the answers; the API is a real HTTP server of the test.

import { deepEqual, equal, rejects } from "node:assert/strict";
import { get, post, Refusal, seriesPath } from "../../api/page/assets/requests.js";

async function withServer(handler, body) {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, handler);
  try {
    await body(`http://127.0.0.1:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

Deno.test("labels of a series are encoded one by one", () => {
  equal(seriesPath("forecasts", "DK1/111"), "/v1/forecasts/DK1/111");
  equal(seriesPath("series", "a b/50%/x?y"), "/v1/series/a%20b/50%25/x%3Fy");
});

Deno.test("an answer that has not changed is taken from the last one", async () => {
  const tags = [];
  const handler = (request) => {
    tags.push(request.headers.get("If-None-Match"));
    if (tags.at(-1) === '"1"') return new Response(null, { status: 304, headers: { ETag: '"1"' } });
    return Response.json({ n: 1 }, { headers: { ETag: '"1"' } });
  };
  await withServer(handler, async (base) => {
    deepEqual(await get(`${base}/a`), { n: 1 });
    deepEqual(await get(`${base}/a`), { n: 1 });
  });
  deepEqual(tags, [null, '"1"']);
});

Deno.test("a refusal carries the status and the words of the API", async () => {
  const problem = { type: "about:blank#unknown-series", detail: "No series DK3/111. Did you mean DK1/111?" };
  await withServer(() => Response.json(problem, { status: 404 }), async (base) => {
    await rejects(get(`${base}/b`), (error) => {
      equal(error instanceof Refusal, true);
      deepEqual([error.status, error.message, error.kind], [404, problem.detail, problem.type]);
      return true;
    });
  });
});

Deno.test("an answer without JSON and no answer at all differ", async () => {
  await withServer(() => new Response("<html>", { status: 502 }), async (base) => {
    await rejects(get(`${base}/c`), { status: 502, kind: "not-json" });
  });
  await rejects(get("http://127.0.0.1:9/d"), { status: 0, kind: "api-away" });
});

Deno.test("a change is sent once, as JSON, with the token", async () => {
  const asked = [];
  const handler = async (request) => {
    asked.push([request.method, request.headers.get("Authorization"), await request.json()]);
    return Response.json({ done: true });
  };
  await withServer(handler, async (base) => deepEqual(await post(`${base}/e`, { reason: "x" }, "secret"), { done: true }));
  deepEqual(asked, [["POST", "Bearer secret", { reason: "x" }]]);
});

Deno.test("a token of any script is sent as its UTF-8, as other clients send it", async () => {
  const heard = [];
  const handler = (request) => {
    const bytes = Uint8Array.from(request.headers.get("Authorization"), (sign) => sign.charCodeAt(0));
    heard.push(new TextDecoder().decode(bytes));
    return Response.json({ done: true });
  };
  await withServer(handler, (base) => post(`${base}/f`, {}, "Schlüssel-пароль"));
  deepEqual(heard, ["Bearer Schlüssel-пароль"]);
});
