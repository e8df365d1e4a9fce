// Requests to the API, with a timeout, ETags, and its error messages.

const TIMEOUT_MS = 8000;
const CHANGE_TIMEOUT_MS = 20_000; // a change waits for Kafka, up to 10 s
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

async function ask(path, options, timeoutMs = TIMEOUT_MS) {
  try {
    return await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(timeoutMs), ...options });
  } catch {
    throw new Refusal(0, "The API does not answer.", "api-away");
  }
}

async function bodyOf(answer) {
  let body;
  try {
    body = await answer.json();
  } catch {
    throw new Refusal(answer.status, `The API answered ${answer.status} without JSON.`, "not-json");
  }
  if (!answer.ok) throw new Refusal(answer.status, body.detail ?? `The API answered ${answer.status}.`, body.type ?? "");
  return body;
}

/**
 * The JSON at a path. Throws a Refusal.
 * @param {string} path
 * @param {string} place under which the answer is kept: that of its path, or of paths of which only the last is asked again
 */
export async function get(path, place = path) {
  const before = held.get(place)?.path === path ? held.get(place) : null;
  const answer = await ask(path, { headers: before ? { "If-None-Match": before.tag } : {} });
  if (answer.status === 304) {
    await answer.arrayBuffer(); // an unread body keeps the request open until its timeout
    return before.body;
  }
  const body = await bodyOf(answer);
  const tag = answer.headers.get("ETag");
  if (tag) {
    if (held.size > 200) held.clear();
    held.set(place, { path, tag, body });
  }
  return body;
}

/** A text as a header carries it: one character for each byte of its UTF-8; fetch refuses characters beyond Latin-1. */
const inHeader = (text) => String.fromCharCode(...new TextEncoder().encode(text));

/** Send a change with the token of the API. Throws a Refusal. */
export async function post(path, body, token) {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${inHeader(token)}` };
  return bodyOf(await ask(path, { method: "POST", headers, body: JSON.stringify(body) }, CHANGE_TIMEOUT_MS));
}
