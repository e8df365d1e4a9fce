// The page: its state, polling, and error notices.

import { showAlerts } from "./alerts.js";
import { showDrift } from "./drift.js";
import { byId, h, renew } from "./elements.js";
import { clock, duration } from "./format.js";
import { showHealth } from "./health.js";
import { showLetters } from "./letters.js";
import { KeptList } from "./list.js";
import { Compare } from "./compare.js";
import { DayView } from "./day.js";
import { iso } from "./days.js";
import { Overview } from "./overview.js";
import { Picker } from "./picker.js";
import { Releases } from "./releases.js";
import { get, seriesPath } from "./requests.js";
import { resetChart, saveChart, showSeries } from "./series.js";
import { startTheme } from "./theme.js";
import { shownZone, startZone } from "./zone.js";

const EVERY_MS = 5000;
const LONGEST_PAUSE_MS = 30_000;
const SLOW_EVERY = 3; // expensive resources are requested every third round
const RARE_EVERY = 12; // and what changes a few times a day still less often
const LONG_LIST = 2000; // the list of so many series is expensive, too
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WEEK_H = 168;

/** The newest answers; a failed request keeps the previous one. */
const known = {};
const lists = { series: new KeptList("/v1/series"), accuracy: new KeptList("/v1/accuracy") };
const refusals = {};
const view = { chosen: null, why: false, ownLetters: false, hours: 168, round: 0, answeredAt: null, pauseMs: EVERY_MS, run: 0 };

const picker = new Picker(choose);
const overview = new Overview(choose);
const dayView = new DayView(() => {
  history.replaceState(null, "", linkTo(view.chosen));
  renewDay();
});

const loadModels = () => [load("models", "/v1/models"), load("waiting", "/v1/retune")];
const releases = new Releases(async () => {
  await Promise.all(loadModels());
  show();
});

const linkTo = (seriesId) => `?series=${encodeURIComponent(seriesId)}${dayView.query()}${compare.query()}`;

const compare = new Compare(async () => {
  history.replaceState(null, "", linkTo(view.chosen));
  await compare.load();
  show();
});

async function load(name, path) {
  try {
    known[name] = await get(path);
    delete refusals[name];
  } catch (refusal) {
    refusals[name] = refusal;
    // Alerts and states of services expire at once; other data stay useful for a while.
    if (name === "alerts" || name === "services") delete known[name];
  }
}

async function loadSeries() {
  try {
    await lists.series.renew();
    known.series = lists.series.entries;
    delete refusals.series;
  } catch (refusal) {
    refusals.series = refusal;
  }
}

async function loadAccuracy() {
  try {
    await lists.accuracy.renew();
    Object.assign(known, { accuracyOfSeries: lists.accuracy.entries, accuracy: lists.accuracy.page });
    delete refusals.accuracy;
  } catch (refusal) {
    refusals.accuracy = refusal;
  }
}

async function loadChosen(run) {
  const id = view.chosen;
  if (!id) return;
  const before = known.forecast?.series_id === id && known.earlierOf === known.forecast.origin;
  const found = {};
  const ask = async (name, resource, query = "") => {
    try {
      found[name] = await get(seriesPath(resource, id) + query);
      delete refusals[name];
    } catch (refusal) {
      refusals[name] = refusal;
      if (refusal.status === 404) found[name] = null;
    }
  };
  // Do not request what does not exist: browsers write each 404 to the console.
  const listed = known.series?.find((series) => series.series_id === id);
  if (listed && listed.origin === null) found.forecast = null;
  await Promise.all([
    ask("detail", "series"),
    found.forecast === null ? null : ask("forecast", "forecasts"),
    ask("observations", "observations", historyQuery(listed)),
    view.round % SLOW_EVERY === 0 || known.seriesAccuracy?.accuracy.series_id !== id ? ask("seriesAccuracy", "accuracy") : null,
  ]);
  if (found.forecast && !(before && found.forecast.origin === known.earlierOf)) {
    const origin = found.detail?.origin_day_before;
    Object.assign(found, { earlier: null, earlierOf: null });
    if (origin && Date.parse(origin) === Date.parse(found.forecast.origin) - DAY_MS) {
      await ask("earlier", "forecasts", `?origin=${origin}`);
      found.earlierOf = found.forecast.origin;
    }
  }
  if (found.detail && !found.detail.references.length) found.references = null;
  else if (found.observations) await ask("references", "reference-forecasts", `?start=${weekOf(found.observations)}`);
  if (found.detail && !found.detail.weather) found.weather = null;
  else if (found.observations) await ask("weather", "weather", `?start=${weekOf(found.observations)}`);
  if (view.round % SLOW_EVERY === 0 || known.seriesLetters?.of !== id) await Promise.all([loadLettersOf(id, found), loadTotalOf(id, found)]);
  if (found.seriesAccuracy) {
    found.moreAccuracy = await loadMoreAccuracy(id, found);
    found.accuracyByHour = found.seriesAccuracy.accuracy.forecasts ? await get(seriesPath("accuracy-by-hour", id)).catch(() => null) : null;
  }
  if (found.forecast === null) found.earlier = null;
  if (view.why && found.forecast?.leads && (known.why?.series_id !== id || known.why.issued_at !== found.forecast.issued_at)) Object.assign(found, await loadWhy(id, found));
  if (run !== view.run) return; // another series was chosen in the meantime
  Object.assign(known, found);
  if (known.detail?.series_id === id) await Promise.all([compare.load(), dayView.load(known.detail, known.forecast, view.round % SLOW_EVERY === 0)]);
}

/** The dead letters that name the series. */
async function loadLettersOf(id, found) {
  const answer = await get(`/v1/dead-letters?series_id=${encodeURIComponent(id)}&limit=100`).catch(() => null);
  if (answer) found.seriesLetters = { of: id, ...answer };
}

/** The incomplete hours of a total; nothing for other series. */
async function loadTotalOf(id, found) {
  const { totals_of: source, labels } = found.detail ?? {};
  if (!source) return;
  const query = new URLSearchParams({ total: Object.values(labels).at(-1) });
  const answer = await get(`/v1/totals/${encodeURIComponent(source)}?${query}`).catch(() => null);
  if (answer) found.totals = { of: id, ...answer };
}

/** Show the dead letters of the chosen series, or again those of all. */
function showOwnLetters(own) {
  view.ownLetters = own;
  show();
  const title = byId("letters-title");
  title.scrollIntoView({ block: "start" });
  title.focus({ preventScroll: true });
}

/** More than the last week is asked for only while it is shown. */
function historyQuery(listed) {
  if (view.hours <= WEEK_H || !listed?.newest_hour) return "";
  return `?start=${iso(Date.parse(listed.newest_hour) - (view.hours - 1) * HOUR_MS)}`;
}

/** The start of the last week of what is shown: of references and weather no more is drawn. */
const weekOf = (observations) => iso(Math.max(Date.parse(observations.start), Date.parse(observations.end) - WEEK_H * HOUR_MS));

/** Accuracy of the second day of the horizon, and of the next day as it was forecast at each gate. */
async function loadMoreAccuracy(id, { detail, forecast }) {
  const asked = (detail?.gates ?? []).map(({ gate }) => [`The next day, as forecast at ${gate}`, `?gate=${gate}`]);
  if (forecast?.leads >= 48) asked.unshift(["Hours 25 to 48", "?horizon_day=2"]);
  const answers = await Promise.all(asked.map(([, query]) => get(seriesPath("accuracy", id) + query).catch(() => null)));
  return answers.flatMap((answer, i) => (answer?.accuracy.wape_percent == null ? [] : [{ name: asked[i][0], accuracy: answer.accuracy }]));
}

/** What made the newest forecast, and what changed since that of a day before. */
async function loadWhy(id, { detail }) {
  const since = detail?.origin_day_before ? `?since=${detail.origin_day_before}` : "";
  try {
    return { why: await get(`${seriesPath("forecasts", id)}/why${since}`), whyRefused: null };
  } catch (refusal) {
    return { why: null, whyRefused: refusal.message };
  }
}

/** Show or hide what made the forecast. */
async function toggleWhy() {
  view.why = !view.why;
  byId("chart-why").setAttribute("aria-pressed", String(view.why));
  Object.assign(known, { why: null, whyRefused: null });
  if (view.why && known.forecast?.series_id === view.chosen) Object.assign(known, await loadWhy(view.chosen, known));
  if (!view.why) Object.assign(known, { why: null, whyRefused: null });
  show();
}

/** Show another day, or another forecast of it. */
async function renewDay() {
  if (known.detail?.series_id !== view.chosen) return;
  const load = dayView.load(known.detail, known.forecast, false);
  dayView.show();
  await load;
  dayView.show();
}

async function renewAll() {
  const run = ++view.run;
  const slow = view.round % SLOW_EVERY === 0;
  try {
    const due = !known.series || refusals.series || known.series.length < LONG_LIST || view.round % RARE_EVERY === 0;
    const list = due ? loadSeries() : null;
    const rest = [load("services", "/v1/services"), load("alerts", "/v1/alerts")];
    if (slow) rest.push(load("quality", "/v1/quality"), loadAccuracy(), load("letters", "/v1/dead-letters?limit=10"));
    if (view.round % RARE_EVERY === 0) rest.push(...loadModels(), load("drift", "/v1/drift?figures=true&limit=50"));
    await list;
    settle();
    if (!view.answeredAt) show(); // a long list is there before the rest
    await Promise.all([loadChosen(run), ...rest]);
  } finally {
    if (!refusals.series) {
      view.answeredAt = Date.now();
      view.pauseMs = EVERY_MS;
      view.round += 1;
    } else view.pauseMs = Math.min(2 * view.pauseMs, LONGEST_PAUSE_MS);
    if (run === view.run) show();
  }
}

/** Choose the series in the URL, or else the first fresh one. */
function settle() {
  const ids = new Set(known.series?.map((series) => series.series_id));
  const wanted = new URLSearchParams(location.search).get("series");
  view.unknown = wanted && ids.size && !ids.has(wanted) ? wanted : null;
  if (view.chosen && ids.has(view.chosen)) return;
  const first = known.series?.find((series) => series.state === "fresh") ?? known.series?.[0];
  view.chosen = ids.has(wanted) ? wanted : (first?.series_id ?? null);
}

function choose(seriesId) {
  if (seriesId !== view.chosen) history.pushState(null, "", linkTo(seriesId));
  go(seriesId);
}

function go(seriesId) {
  Object.assign(view, { chosen: seriesId, unknown: null, ownLetters: false });
  const run = ++view.run;
  picker.show(known.series ?? [], seriesId);
  loadChosen(run).then(() => { if (run === view.run) show(); });
}

function show() {
  showNotice();
  showPulse();
  showHealth(known, refusals);
  showLetters(view.ownLetters ? known.seriesLetters : known.letters, refusals.letters, view.ownLetters ? view.chosen : null);
  const zone = shownZone(known.detail?.source_detail.local_time_zone ?? "UTC");
  showAlerts(known.alerts, zone);
  showDrift(known.drift, refusals.drift, zone, linkTo);
  releases.show(known.models, known.waiting, refusals.models, zone);
  const some = known.series?.length > 0;
  byId("view").hidden = !some;
  showEmpty(some);
  const credited = [...(known.quality?.sources.map((entry) => entry.source) ?? []), ...(known.references?.references ?? []), ...(known.weather?.source ? [known.weather.source] : [])];
  const attributions = [...new Set(credited.map((entry) => entry.attribution).filter(Boolean))];
  renew(byId("attribution"), attributions, () => attributions.map((text) => h("span", {}, `${text} `)));
  if (!some) return;
  picker.show(known.series, view.chosen);
  document.title = `${view.chosen} · Dayahead`;
  showSeries(known.detail?.series_id === view.chosen ? known : {}, view.hours, () => showOwnLetters(true));
  if (known.detail?.series_id === view.chosen) {
    dayView.show();
    compare.show(known, known.series, zone);
    showTotal(known.series, known.detail);
  }
  overview.show(known.series, known.accuracyOfSeries, view.chosen, zone, linkTo);
}

/** A link to the total that the series is part of, where its source has totals. */
function showTotal(series, detail) {
  const totals = series.filter((one) => one.totals_of === detail.source);
  const labelled = (label) => totals.find((one) => Object.values(one.labels).at(-1) === label);
  const ofArea = labelled(`area-${detail.area}`);
  const total = ofArea ?? labelled("total");
  const link = byId("compare-total");
  link.hidden = !total;
  if (!total) return;
  Object.assign(link, { href: linkTo(total.series_id), textContent: ofArea ? `Total of ${detail.area}` : "Total of the source" });
  link.dataset.series = total.series_id;
}

function showEmpty(some) {
  const empty = byId("empty");
  empty.hidden = some || !known.series;
  renew(empty, "no-data", () => [
    h("h1", {}, "No data yet"),
    h("p", {}, "No hour of any series has been observed. The page updates when the first ones arrive."),
    h("p", {}, "If nothing arrives: ", h("code", {}, "dayahead status"), " shows whether the poller and the workers run, and ", h("code", {}, "make up"), " starts them all on the shipped sample."),
  ]);
}

function showNotice() {
  const notice = byId("notice");
  const refusal = refusals.series ?? refusals.detail ?? refusals.observations;
  const lines = [];
  if (view.unknown) lines.push(`No series is called “${view.unknown}”: another one is shown.`);
  if (refusal) {
    const kept = view.answeredAt ? ` What you see is from ${clock(view.answeredAt, Intl.DateTimeFormat().resolvedOptions().timeZone)}.` : "";
    const remedy = refusal.status === 0 ? " Check that it runs (dayahead status) or start it (make up)." : "";
    lines.push(`${refusal.message}${remedy}${kept} The page retries automatically.`);
  }
  notice.hidden = !lines.length;
  notice.dataset.tone = refusal ? "bad" : "warn";
  renew(notice, lines, () => lines.map((line) => h("p", {}, line)));
}

function showPulse() {
  const pulse = byId("pulse");
  const away = !!(refusals.series ?? refusals.detail ?? refusals.observations);
  document.body.toggleAttribute("data-away", away); // the data are outdated: nothing is green
  pulse.dataset.tone = away ? "bad" : view.answeredAt ? "good" : "idle";
  const age = view.answeredAt ? Date.now() - view.answeredAt : null;
  const text = age === null ? (away ? "No answer" : "Loading") : away || age > 3 * EVERY_MS ? `${duration(age)} old` : "Live";
  if (byId("pulse-text").textContent !== text) byId("pulse-text").textContent = text;
}

async function keepFresh() {
  for (;;) {
    if (!document.hidden) await renewAll();
    await new Promise((resolve) => {
      const heard = new AbortController();
      const end = () => { clearTimeout(timer); heard.abort(); resolve(); };
      const timer = setTimeout(end, view.pauseMs);
      document.addEventListener("visibilitychange", end, { signal: heard.signal });
    });
  }
}

const rangeButtons = document.querySelectorAll("[data-hours]");
for (const button of rangeButtons) {
  button.addEventListener("click", () => {
    const more = Number(button.dataset.hours) > Math.max(WEEK_H, view.hours);
    view.hours = Number(button.dataset.hours);
    for (const other of rangeButtons) other.setAttribute("aria-pressed", String(other === button));
    resetChart();
    if (more && view.chosen) go(view.chosen);
    else show();
  });
}
globalThis.addEventListener("popstate", () => {
  const wanted = new URLSearchParams(location.search).get("series");
  dayView.read(location.search);
  compare.read(location.search);
  if (wanted) go(wanted);
});
setInterval(showPulse, 1000);
byId("chart-csv").addEventListener("click", saveChart);
byId("letters-all").addEventListener("click", () => showOwnLetters(false));
byId("chart-reset").addEventListener("click", resetChart);
startZone(byId("zone"), show);
byId("chart-why").addEventListener("click", toggleWhy);
dayView.read(location.search);
compare.read(location.search);
startTheme(byId("theme"));
keepFresh();
