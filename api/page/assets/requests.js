// Requests to the API, with a timeout, ETags, and its error messages.

const TIMEOUT_MS = 8000;
const held = new Map();

/** A failed request; `status` is 0 if the API does not answer. */
export class Refusal extends Error {
  constructor(status, detail, kind) {
    super(detail);
    this.status = status;
    this.kind = kind;
  }
}

/** The path of a series below a resource: each label is encoded once more by the URL. */
export const seriesPath = (resource, seriesId) => `/v1/${resource}/${seriesId.split("/").map(encodeURIComponent).join("/")}`;

/** The JSON at a path. Throws a Refusal. */
export async function get(path) {
  const before = held.get(path);
  let answer;
  try {
    answer = await fetch(path, {
      headers: before?.tag ? { "If-None-Match": before.tag } : {},
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new Refusal(0, "The API does not answer.", "api-away");
  }
  if (answer.status === 304) {
    await answer.arrayBuffer(); // an unread body keeps the request open until its timeout
    return before.body;
  }
  let body;
  try {
    body = await answer.json();
  } catch {
    throw new Refusal(answer.status, `The API answered ${answer.status} without JSON.`, "not-json");
  }
  if (!answer.ok) throw new Refusal(answer.status, body.detail ?? `The API answered ${answer.status}.`, body.type ?? "");
  const tag = answer.headers.get("ETag");
  if (tag) {
    if (held.size > 200) held.clear();
    held.set(path, { tag, body });
  }
  return body;
}
