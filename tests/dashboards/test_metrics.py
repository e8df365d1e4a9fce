"""Rules, dashboards and documentation speak of the metrics that the services really have."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from dashboards.queries import Engine, panel_queries
from deploy.monitoring import MonitoringSettings, render_rules
from tests.dashboards.registered import registered_metrics

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"(?<![\w:])((?:\w+:)?dayahead_\w+(?::\w+)?)(?:\{([^}]*)\})?")
# labels that Prometheus itself adds to what it scrapes
OF_PROMETHEUS = {"job", "instance"}


def rules() -> Iterator[dict[str, str]]:
    for text in render_rules(MonitoringSettings.model_construct()).values():
        for group in yaml.safe_load(text)["groups"]:
            yield from group["rules"]


def recorded() -> set[str]:
    return {rule["record"] for rule in rules() if "record" in rule}


def expressions() -> list[tuple[str, str]]:
    """Every expression with where it stands."""
    found = [(rule.get("alert") or rule["record"], str(rule["expr"])) for rule in rules()]
    return found + [(q.panel, q.text) for q in panel_queries() if q.engine is Engine.PROMETHEUS]


def test_rules_and_dashboards_use_only_metrics_and_labels_that_a_service_registers() -> None:
    samples = {sample: metric for metric in registered_metrics().values() for sample in metric.samples}
    recorded_names = recorded()
    used = 0
    for where, expression in expressions():
        for name, selectors in NAME.findall(expression):
            used += 1
            if name in recorded_names:
                continue
            assert name in samples, f"{where}: no service registers {name}"
            labels = set(re.findall(r"(\w+)\s*[=!]~?", selectors))
            unknown = labels - set(samples[name].labels) - OF_PROMETHEUS
            assert not unknown, f"{where}: {name} has no label {unknown}"
    assert used > 60


def test_every_metric_is_documented_with_its_labels() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text()
    rows = re.findall(r"^\| `([\w:]+)` \| ([^|]*) \|", text, re.MULTILINE)
    documented = dict(rows)
    twice = sorted({name for name, _ in rows if [other for other, _ in rows].count(name) > 1})
    assert not twice, f"docs/metrics.md has more than one row of {', '.join(twice)}"
    metrics = registered_metrics()
    wrong = [
        f"| `{name}` | {labels} |"
        for name, metric in metrics.items()
        if documented.get(name) != (labels := ", ".join(metric.labels) or "-")
    ]
    assert not wrong, "write into docs/metrics.md:\n" + "\n".join(sorted(wrong))
    assert set(documented) - set(metrics) == recorded(), "docs/metrics.md has a metric that nothing makes"
