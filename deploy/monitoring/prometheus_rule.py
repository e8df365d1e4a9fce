"""The rules as an object of the Prometheus Operator, for Kubernetes."""

from typing import Any

import yaml

from deploy.monitoring.configuration import render_rules
from deploy.monitoring.settings import MonitoringSettings

HEADER = "# Made by `dayahead monitoring rules` from deploy/prometheus/rules, with the thresholds of the settings.\n"


def prometheus_rule(settings: MonitoringSettings) -> dict[str, Any]:
    """Return all groups of rules in one PrometheusRule, with the thresholds filled in."""
    groups = [group for text in render_rules(settings).values() for group in yaml.safe_load(text)["groups"]]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "dayahead"},
        "spec": {"groups": groups},
    }


def prometheus_rule_text(settings: MonitoringSettings) -> str:
    """Return the object as YAML, with a line that says where it comes from."""
    return HEADER + yaml.safe_dump(prometheus_rule(settings), sort_keys=False, width=120, allow_unicode=True)
