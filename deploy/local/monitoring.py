"""Prometheus' and Alertmanager's configuration for a local stack.

deploy/prometheus/ and deploy/alertmanager/ hold the one configuration that docker-compose mounts as it is; here only
its addresses change: container names become 127.0.0.1 and this stack's ports.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

RULE_FILES = ["rules/*.yml"]
WEBHOOK_PATH = "/v1/alertmanager"


@dataclass(frozen=True)
class ScrapeTarget:
    """A process whose /metrics Prometheus reads.

    Attributes:
        job: `ingest`, `worker`, `trainer`, `api`, `replay`, `prometheus` or `alertmanager`.
        address: host:port.
    """

    job: str
    address: str


def prometheus_config(template: Path, targets: Sequence[ScrapeTarget], alertmanager: str) -> str:
    """The template with this stack's targets and Alertmanager; jobs that this stack has not are left out.

    Args:
        template: prometheus.yml of deploy/prometheus; where there is none, every target is scraped every 5 s.
        targets: what this stack runs.
        alertmanager: host:port.
    """
    config = _load(template) or {
        "global": {"scrape_interval": "5s", "evaluation_interval": "5s"},
        "rule_files": RULE_FILES,
        "scrape_configs": [{"job_name": job} for job in dict.fromkeys(target.job for target in targets)],
    }
    addresses: dict[str, list[str]] = {}
    for target in targets:
        addresses.setdefault(target.job, []).append(target.address)
    jobs = [job for job in config["scrape_configs"] if job["job_name"] in addresses]
    for job in jobs:
        found = {key: value for key, value in job.items() if key.endswith("_sd_configs")}
        for key in found:
            del job[key]
        labels = (job.get("static_configs") or [{}])[0].get("labels")
        job["static_configs"] = [{"targets": addresses[job["job_name"]], **({"labels": labels} if labels else {})}]
    config["scrape_configs"] = jobs
    config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    return yaml.safe_dump(config, sort_keys=False)


def alertmanager_config(template: Path, api: str, token_file: str) -> str:
    """The template with this stack's API behind every webhook, and the file that holds its token.

    Args:
        template: alertmanager.yml of deploy/alertmanager; where there is none, all alerts go to the webhook.
        api: host:port.
        token_file: as Alertmanager sees it.
    """
    config = _load(template) or {
        "route": {"receiver": "dayahead", "group_by": ["alertname"]},
        "receivers": [{"name": "dayahead", "webhook_configs": [{"url": f"http://{api}{WEBHOOK_PATH}"}]}],
    }
    for receiver in config["receivers"]:
        for webhook in receiver.get("webhook_configs", []):
            if WEBHOOK_PATH in webhook.get("url", ""):
                webhook["url"] = re.sub(r"^http://[^/]+", f"http://{api}", webhook["url"])
                webhook["http_config"] = {"authorization": {"type": "Bearer", "credentials_file": token_file}}
    return yaml.safe_dump(config, sort_keys=False)


def _load(template: Path) -> dict[str, Any] | None:
    if not template.exists():
        return None
    config: dict[str, Any] = yaml.safe_load(template.read_text())
    return config
