"""Fills the templates in deploy/prometheus and deploy/alertmanager, for the local stack and for docker-compose."""

import json
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import SecretStr

from deploy.monitoring.receivers import SECRET_PREFIX, receiver, write_secret, write_secrets
from deploy.monitoring.settings import MonitoringSettings

TEMPLATES = Path(__file__).resolve().parents[1]
RULES = TEMPLATES / "prometheus" / "rules"


FAST_BURN, SLOW_BURN = 14.4, 6.0
"""How many times faster than in a month the error budget is spent when an alert fires. Source: Beyer et al., The Site
Reliability Workbook, 2018, chapter 5."""

MOST_LATE = 0.95
"""An alert that waits for a larger part of the hours to be late would never fire, however low the objective."""


class _Template(string.Template):
    """Placeholders are `@{name}`, since `$` and `{{ }}` belong to Prometheus and Alertmanager."""

    delimiter = "@"


@dataclass(frozen=True)
class Target:
    """An address that Prometheus scrapes.

    Attributes:
        job: the service: ingest, worker, trainer, api, prometheus or alertmanager.
        address: host:port.
    """

    job: str
    address: str


def render_targets(targets: Sequence[Target]) -> str:
    """The targets file of Prometheus (file_sd JSON), reloaded whenever it changes."""
    jobs = sorted({target.job for target in targets})
    entries = [{"targets": [t.address for t in targets if t.job == job], "labels": {"job": job}} for job in jobs]
    return json.dumps(entries, indent=2) + "\n"


def render_prometheus(targets: str, rules_dir: str, alertmanager: str, settings: MonitoringSettings) -> str:
    """The text of prometheus.yml.

    Args:
        targets: path of the targets file, as Prometheus sees it.
        rules_dir: folder of the rendered rules, as Prometheus sees it.
        alertmanager: host:port.
        settings: with the scrape interval.
    """
    return _fill(
        TEMPLATES / "prometheus" / "prometheus.yml",
        targets=targets,
        rules_dir=rules_dir,
        alertmanager=alertmanager,
        scrape_interval_s=settings.scrape_interval_s,
    )


LEAST_START_WINDOW_S = 3600
"""Seconds to look back for a start of Prometheus, unless the grace of a first start is longer."""


def render_rules(settings: MonitoringSettings) -> dict[str, str]:
    """The rule files with the thresholds filled in: text by file name."""
    values = {name: _text(value) for name, value in settings} | {"runbook_url": settings.runbook}
    values["start_offset_s"] = _text(max(settings.alert_start_s, 1))  # PromQL knows no offset of 0 s
    budget = 1 - settings.alert_freshness_objective
    values["freshness_fast_share"] = _text(round(min(FAST_BURN * budget, MOST_LATE), 6))
    values["freshness_slow_share"] = _text(round(min(SLOW_BURN * budget, MOST_LATE), 6))
    values["start_window_s"] = _text(max(settings.alert_start_s, LEAST_START_WINDOW_S))
    return {path.name: _fill(path, **values) for path in sorted(RULES.glob("*.yml"))}


def render_alertmanager(webhook_url: str, folder: str, settings: MonitoringSettings) -> str:
    """The text of alertmanager.yml; secrets are in files of `folder`.

    Args:
        webhook_url: `POST /v1/alertmanager` of the API, which requests a retune.
        folder: of the files with the API's token and the receivers' secrets, as Alertmanager sees it.
        settings: waits and receivers; a receiver without an address sends nothing.
    """
    text = _fill(
        TEMPLATES / "alertmanager" / "alertmanager.yml",
        webhook_url=webhook_url,
        folder=folder,
        group_wait_s=settings.alert_group_wait_s,
        group_interval_s=settings.alert_group_interval_s,
        repeat_s=settings.alert_repeat_s,
    )
    configuration = yaml.safe_load(text)
    watchdog: dict[str, object] = {"name": "watchdog"}
    if settings.alert_watchdog_url:
        url_file = f"{folder}/{SECRET_PREFIX}watchdog_url"
        watchdog["webhook_configs"] = [{"url_file": url_file, "send_resolved": False}]
    configuration["receivers"] += [
        receiver("people-warning", "warning", folder, settings),
        receiver("people-critical", "critical", folder, settings),
        watchdog,
    ]
    return yaml.safe_dump(configuration, sort_keys=False)


@dataclass(frozen=True)
class MonitoringFiles:
    """The files of Prometheus and Alertmanager in one folder.

    Attributes:
        folder: to write to.
        seen_as: path of the folder inside a container or chroot; empty if it is the same.
    """

    folder: Path
    seen_as: str = ""

    @property
    def _seen(self) -> str:
        return self.seen_as or str(self.folder)

    @property
    def prometheus_config(self) -> str:
        """For `--config.file` of Prometheus."""
        return f"{self._seen}/prometheus.yml"

    @property
    def alertmanager_config(self) -> str:
        """For `--config.file` of Alertmanager."""
        return f"{self._seen}/alertmanager.yml"

    def write(
        self,
        targets: Sequence[Target],
        alertmanager: str,
        webhook_url: str,
        api_token: SecretStr,
        settings: MonitoringSettings,
    ) -> None:
        """Rewrite all files; only the owner may read those with a secret.

        Args:
            targets: to scrape.
            alertmanager: host:port of Alertmanager.
            webhook_url: `POST /v1/alertmanager` of the API.
            api_token: the API's bearer token.
            settings: thresholds and receivers.
        """
        (self.folder / "rules").mkdir(parents=True, exist_ok=True)
        (self.folder / "targets.json").write_text(render_targets(targets))
        rules = render_rules(settings)
        for stale in (self.folder / "rules").glob("*.yml"):
            if stale.name not in rules:
                stale.unlink()
        for name, text in rules.items():
            (self.folder / "rules" / name).write_text(text)
        prometheus = render_prometheus(f"{self._seen}/targets.json", f"{self._seen}/rules", alertmanager, settings)
        (self.folder / "prometheus.yml").write_text(prometheus)
        write_secret(self.folder / "api_token", api_token.get_secret_value())
        write_secrets(self.folder, settings)
        write_secret(self.folder / "alertmanager.yml", render_alertmanager(webhook_url, self._seen, settings))


def _fill(path: Path, **values: object) -> str:
    return _Template(path.read_text(encoding="utf-8")).substitute(values)


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
