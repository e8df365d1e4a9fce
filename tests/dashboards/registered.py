"""What the services register with prometheus-client: the names and labels that rules and dashboards may use."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

SAMPLES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "summary": ["", "_sum", "_count"]}


ROOT = Path(__file__).parents[2]
PACKAGES = ("dayahead", "ingest", "stream", "trainer", "api", "consumers")


def modules_with_metrics() -> list[str]:
    """Every module of the services that makes a metric."""
    sources = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    makers = [path for path in sources if "prometheus_client" in path.read_text()]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in makers]


@dataclass(frozen=True)
class Registered:
    """A metric of ours.

    Attributes:
        name: as /metrics has it, without the endings of a histogram.
        samples: the names that a query may use.
        labels: names of its labels.
    """

    name: str
    kind: str
    samples: tuple[str, ...]
    labels: tuple[str, ...]


def our_metrics() -> list[MetricWrapperBase]:
    """The metrics of every service."""
    for module in modules_with_metrics():
        import_module(module)
    metrics = {one for one in REGISTRY._collector_to_names if isinstance(one, MetricWrapperBase)}
    return [metric for metric in metrics if metric._name.startswith("dayahead_")]


def registered_metrics() -> dict[str, Registered]:
    """What they are called and labelled, by name."""
    found = {}
    for metric in our_metrics():
        family = next(iter(metric.describe()))
        name = f"{family.name}_total" if family.type == "counter" else family.name
        samples = tuple(family.name + ending for ending in SAMPLES.get(family.type, [""]))
        found[name] = Registered(name, family.type, samples, tuple(metric._labelnames))
    return found
