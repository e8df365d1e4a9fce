// A part of the hours of a chart.

const HOUR_MS = 3_600_000;
const LEAST_HOURS = 6;

/** A range of hours as whole places within a chart of `count` hours, at least a few; null where that is all of it. */
export function rangeOf(a, b, count) {
  const [low, high] = [Math.round(Math.min(a, b)), Math.round(Math.max(a, b))];
  const length = Math.min(count, Math.max(LEAST_HOURS, high - low + 1));
  const first = Math.max(0, Math.min(low, count - length));
  return length === count ? null : [first, first + length];
}

/** A list of hours from `start` on, cut to those from `from` to `to` (ms). */
function cut(start, values, from, to) {
  const place = (ms) => Math.max(0, Math.min(values.length, Math.round((ms - start) / HOUR_MS)));
  const first = place(from);
  return { start: start + first * HOUR_MS, values: values.slice(first, place(to)) };
}

/** What a chart shows of its data, without the lines that have no hour there, between two places (the second exclusive). */
export function cropped(data, [first, end]) {
  const [from, to] = [data.start + first * HOUR_MS, data.start + end * HOUR_MS];
  const ofLists = (holder, names) => {
    if (!holder) return holder;
    const found = { ...holder };
    for (const name of names) {
      const part = cut(holder.start, holder[name], from, to);
      found[name] = part.values;
      found.start = part.start;
    }
    return found[names[0]].length ? found : null;
  };
  const same = (values) => values && cut(data.start, values, from, to).values;
  const parts = data.parts && Object.entries(data.parts.values).map(([key, values]) => [key, cut(data.parts.start, values, from, to)]);
  return {
    ...data,
    start: from,
    length: end - first,
    observed: same(data.observed),
    temperature: same(data.temperature),
    references: data.references?.map((one) => ({ ...one, values: same(one.values) })),
    forecast: ofLists(data.forecast, ["p10", "p50", "p90"]),
    earlier: ofLists(data.earlier, ["p50"]),
    parts: parts && parts.some(([, { values }]) => values.length) ? { start: parts[0][1].start, values: Object.fromEntries(parts.map(([key, { values }]) => [key, values])) } : null,
    marked: data.marked.filter((range) => range.end > from && range.start < to).map((range) => ({ ...range, start: Math.max(range.start, from), end: Math.min(range.end, to) })),
    message: "",
  };
}
