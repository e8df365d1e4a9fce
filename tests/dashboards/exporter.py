"""Stands for all services at once: every metric that they register, moving with every scrape. Run with a port."""

import sys
import threading
import time

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from dayahead.telemetry import UP, Health, TelemetryServer
from tests.dashboards.registered import our_metrics

LABELS = {
    "source": ["de35"],
    "area": ["DK1", "DK2"],
    "lead_bucket": ["1-6", "13-24"],
    "release": ["r-1"],
    "horizon_day": ["1", "2"],
    "rung": ["0", "3"],
    "state": ["fresh", "stale"],
    "partition": ["0"],
    "outcome": ["published", "new"],
    "weather": ["gfs"],
    "location": ["aarhus", "odense"],
}


def children(metric: MetricWrapperBase) -> list[MetricWrapperBase]:
    if not metric._labelnames:
        return [metric]
    first, *others = metric._labelnames
    values = LABELS.get(first, ["one"])
    rest = [LABELS.get(name, ["one"])[0] for name in others]
    return [metric.labels(value, *rest) for value in values]


def move() -> None:
    for metric in our_metrics():
        if metric is UP:
            continue
        for child in children(metric):
            if isinstance(child, Counter):
                child.inc(3 if "actual" in metric._name else 1)
            elif isinstance(child, Histogram):
                child.observe(0.1)
            elif isinstance(child, Gauge):
                child.set(time.time() if "timestamp" in metric._name else 3600)


def ready() -> Health:
    move()
    return Health(True, "always")


if __name__ == "__main__":
    with TelemetryServer("exporter", "127.0.0.1", int(sys.argv[1]), live=ready, ready=ready):
        threading.Event().wait()
