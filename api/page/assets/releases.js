// Releases and trainings: the champion, what could serve instead, and how each training ended.

import { ChangeDialog, forgetToken, hasToken } from "./changes.js";
import { byId, h, renew } from "./elements.js";
import { duration, moment, percent } from "./format.js";
import { logTable } from "./log.js";
import { badge } from "./states.js";

const MOST_ROWS = 8;

const OUTCOMES = {
  running: ["idle", "◌", "Running"],
  promoted: ["good", "●", "Promoted"],
  kept: ["idle", "○", "Champion kept"],
  saved: ["idle", "○", "Saved only"],
  unchanged: ["idle", "○", "Same release"],
  refused: ["warn", "◐", "Refused"],
  failed: ["bad", "▲", "Failed"],
  interrupted: ["warn", "◐", "Interrupted"],
};

const announcedWords = ({ announced }) => (announced ? "" : " Kafka did not take the announcement: workers find it in TimescaleDB, within a minute.");

export class Releases {
  /** @param {() => Promise<void>} reload asks the API again after a change. */
  constructor(reload) {
    this.dialog = new ChangeDialog(async (said) => {
      byId("releases-said").textContent = said;
      await reload();
    });
    byId("retune").addEventListener("click", () => this.retune());
    byId("rollback").addEventListener("click", () => this.rollBack());
    byId("forget-token").addEventListener("click", () => {
      forgetToken();
      this.showToken();
    });
    byId("releases-body").addEventListener("click", (event) => {
      const release = event.target.closest("button[data-release]")?.dataset.release;
      if (release) this.promote(release);
    });
  }

  /** Update the panel; it stays hidden until its data have come. */
  show(models, waiting, refusal, zone) {
    byId("releases").hidden = !models;
    if (!models) return;
    this.models = models;
    const back = byId("rollback");
    back.hidden = !models.rollback_to;
    back.textContent = `Roll back to ${models.rollback_to}`;
    this.showToken();
    renew(byId("releases-body"), [models, waiting, refusal?.message, zone], () => [
      refusal && h("p", {}, `Outdated: ${refusal.message}`),
      releasesTable(models, zone),
      waitingList(waiting, zone),
      trainingsTable(models.trainings, zone),
      promotionsTable(models.promotions, zone),
    ]);
  }

  showToken() {
    byId("forget-token").hidden = !hasToken();
  }

  get serving() {
    const { champion } = this.models;
    return champion ? `It replaces ${champion.release}.` : "It is the first champion.";
  }

  promote(release) {
    this.dialog.open({
      title: `Promote ${release}`,
      what: `${release} becomes the champion: every worker makes its next forecasts with it, within a minute. ${this.serving}`,
      action: "Promote",
      path: `/v1/models/${encodeURIComponent(release)}/promote`,
      body: (reason) => ({ reason, promoted_by: "page" }),
      said: (answer) => `${answer.release} is the champion now.${announcedWords(answer)}`,
    });
  }

  rollBack() {
    const { rollback_to: target } = this.models;
    this.dialog.open({
      title: `Roll back to ${target}`,
      what: `The champion before, ${target}, serves again within a minute. ${this.serving} No training promotes that one again by itself.`,
      action: "Roll back",
      path: "/v1/models/rollback",
      body: (reason) => ({ reason, release: target }),
      said: (answer) => `Rolled back: ${answer.release} is the champion now.${announcedWords(answer)}`,
    });
  }

  retune() {
    this.dialog.open({
      title: "Ask for a training",
      what: "The trainer tunes and fits a new release and promotes it if it is better than the champion. The request waits until its cool-down and budget allow a training.",
      action: "Ask",
      path: "/v1/retune",
      body: (reason) => ({ reason, requested_by: "page" }),
      said: () => "The request was sent to the trainer.",
    });
  }
}

const share = (value) => percent(typeof value === "number" ? 100 * value : null);

const reportLink = (report, of) => h("a", { href: `/v1/reports/${report}`, target: "_blank", rel: "noopener", "aria-label": `Report of drift and accuracy of ${of}` }, "Report");

function releasesTable({ releases, champion }, zone) {
  if (!releases.length) return h("p", { class: "note" }, "No release has been trained yet.");
  const rows = releases.slice(0, MOST_ROWS).map(({ release, metrics, trained_until: until, created_at: created, report }) => {
    const serves = release === champion?.release;
    return h("tr", { "aria-current": serves ? "true" : undefined },
      h("th", { scope: "row" }, h("code", {}, release), report ? h("small", {}, reportLink(report, release)) : null),
      h("td", { class: "wide-only" }, moment(created, zone)),
      h("td", { class: "wide-only" }, moment(until, zone)),
      h("td", { class: "number", title: "On hours that the training did not see" }, share(metrics.wape)),
      h("td", { class: "number" }, share(metrics.naive_wape)),
      h("td", { class: "number" }, serves ? badge("good", "●", "Champion") : h("button", { type: "button", class: "quiet small", "data-release": release, "aria-label": `Promote ${release}` }, "Promote")));
  });
  return logTable("releases-table", "Releases", [["Release"], ["Made", "wide-only"], ["Learnt until", "wide-only"], ["WAPE", "number"], ["Naive", "number"], ["Service", "number"]], rows);
}

function waitingList(waiting, zone) {
  if (!waiting?.waiting.length) return null;
  return [
    h("h3", {}, "Waiting requests"),
    h("ul", { class: "waiting" }, waiting.waiting.map((one) => h("li", {}, moment(one.requested_at, zone), `, ${one.requested_by}: ${one.reason}`))),
  ];
}

function reportOf({ report, report_failure: failure, started_at: started }, zone) {
  if (failure) return h("small", {}, `No report: ${failure}`);
  return report ? h("small", {}, reportLink(report, `the training of ${moment(started, zone)}`)) : null;
}

function trainingsTable(trainings, zone) {
  if (!trainings.length) return null;
  const rows = trainings.slice(0, MOST_ROWS).map((one) => {
    const took = one.finished_at ? duration(Date.parse(one.finished_at) - Date.parse(one.started_at)) : "–";
    return h("tr", {},
      h("th", { scope: "row" }, moment(one.started_at, zone)),
      h("td", {}, badge(...(OUTCOMES[one.outcome] ?? ["idle", "○", one.outcome]))),
      h("td", { class: "wide-only" }, took),
      h("td", { class: "wide-only" }, one.release ? h("code", {}, one.release) : "–"),
      h("td", { class: "words" }, `${one.requested_by}: ${one.reason}`, one.explanation ? h("small", {}, one.explanation) : null, reportOf(one, zone)));
  });
  return logTable("trainings-table", "Trainings", [["Started"], ["Outcome"], ["Took", "wide-only"], ["Release", "wide-only"], ["Why"]], rows);
}

function promotionsTable(promotions, zone) {
  if (!promotions.length) return null;
  const rows = promotions.slice(0, MOST_ROWS).map((one) => h("tr", {},
    h("th", { scope: "row" }, moment(one.promoted_at, zone)),
    h("td", {}, h("code", {}, one.release)),
    h("td", { class: "wide-only" }, one.previous ? h("code", {}, one.previous) : "–"),
    h("td", { class: "words" }, `${one.promoted_by}: ${one.reason}`)));
  return logTable("promotions-table", "Champions", [["Since"], ["Release"], ["Before", "wide-only"], ["Why"]], rows);
}
