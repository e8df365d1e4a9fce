// Alerts: what is firing, how bad it is, since when, and where the runbook says what to do.

import { byId, h, renew } from "./elements.js";
import { count, moment } from "./format.js";
import { badge } from "./states.js";

const MOST_ROWS = 20;

const SEVERITIES = { critical: ["bad", "▲", "Critical"], warning: ["warn", "◐", "Warning"], info: ["idle", "○", "Info"] };

/** A link that leads to a page, or null: what Alertmanager has there may be anything. */
export const safeLink = (url) => (/^https?:\/\//i.test(url) ? url : null);

/** Update the panel; hidden while no alert is firing. */
export function showAlerts(answer, zone) {
  const panel = byId("alerts");
  const alerts = answer?.alerts ?? [];
  panel.hidden = !alerts.length;
  if (panel.hidden) return;
  byId("alerts-count").textContent = count(alerts.length, "alert");
  renew(byId("alerts-body"), [alerts, zone], () => [
    h("ul", { class: "alerts" }, alerts.slice(0, MOST_ROWS).map((alert) => item(alert, zone))),
    alerts.length > MOST_ROWS ? h("p", { class: "note" }, `and ${alerts.length - MOST_ROWS} more: /v1/alerts has all`) : null,
  ]);
}

function item(alert, zone) {
  const silenced = alert.state !== "active";
  const [tone, sign, word] = SEVERITIES[alert.severity] ?? ["idle", "○", alert.severity];
  const runbook = safeLink(alert.runbook_url);
  return h("li", { "data-tone": silenced ? "idle" : tone },
    h("p", {},
      badge(silenced ? "idle" : tone, sign, silenced ? `${word}, suppressed` : word), " ",
      h("strong", {}, alert.summary || alert.name)),
    alert.description ? h("p", { class: "alert-more" }, alert.description) : null,
    h("p", { class: "alert-more" }, `${alert.name} · since `, moment(alert.since, zone),
      runbook ? [" · ", h("a", { href: runbook }, "Runbook", h("span", { class: "unseen" }, ` of ${alert.name}`))] : null));
}
