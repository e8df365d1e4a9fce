"""Metrics of the weather that a worker takes in. Labels hold only names that a registered source gives."""

from collections.abc import Collection, Iterable

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter, Gauge

from dayahead.contracts import Reason
from dayahead.hours import HOUR_S, Hour
from stream.weather.partition_weather import PartitionWeather

OTHER = "other"
"""Label of a weather source that no registered source names."""

MESSAGES = Counter(
    "dayahead_weather_messages_total",
    "Messages of weather, by weather source and what became of them: every partition has each of them",
    ["weather", "outcome"],
)
NEWEST_RUN = Gauge(
    "dayahead_weather_known_run_timestamp_seconds",
    "Start of the newest run that this worker has of a location, in the partition that is furthest behind",
    ["weather", "location"],
)
FORECASTS = Counter(
    "dayahead_weather_forecasts_total",
    "Forecasts that were committed of series that follow a location, by weather source",
    ["weather"],
)
WITHOUT = Counter(
    "dayahead_forecasts_without_weather_total",
    "Those of them that have hours from load alone, by why",
    ["weather", "reason"],
)

_REASONS = {reason: Reason.codes(reason)[0] for reason in (Reason.NO_WEATHER, Reason.WEATHER_STALE)}


def count_message(weather: str, outcome: str, named: Collection[str]) -> None:
    """Count a message.

    Args:
        weather: name of its weather source.
        outcome: `run`, `observed` or `refused`.
        named: weather sources that registered sources name.
    """
    MESSAGES.labels(weather if weather in named else OTHER, outcome).inc()


def count_forecasts(weather: str, reasons: NDArray[np.int32]) -> None:
    """Count forecasts of series that follow a location, and those of them that have hours from load alone.

    Args:
        weather: name of their weather source.
        reasons: int32 [n], of the forecasts.
    """
    if not len(reasons):
        return
    FORECASTS.labels(weather).inc(len(reasons))
    for reason, code in _REASONS.items():
        WITHOUT.labels(weather, code).inc(int(np.count_nonzero(reasons & reason)))


class NewestRuns:
    """Shows the newest run of each location that a registered source names."""

    def __init__(self) -> None:
        self._shown: set[tuple[str, str]] = set()

    def show(self, partitions: Iterable[PartitionWeather], named: Collection[tuple[str, str]]) -> None:
        """Set the gauge, and remove locations that are not named any more.

        Args:
            partitions: the weather of each partition of this worker.
            named: weather sources with their locations.
        """
        newest: dict[tuple[str, str], Hour] = {}
        for partition in partitions:
            for place, start in partition.newest_starts().items():
                if place in named:
                    newest[place] = min(start, newest.get(place, start))
        for place in self._shown - newest.keys():
            NEWEST_RUN.remove(*place)
        for place, start in newest.items():
            NEWEST_RUN.labels(*place).set(start * HOUR_S)
        self._shown = set(newest)
