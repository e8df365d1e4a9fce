"""Made-up consumption, the messages that carry it, and a release fitted on it: what a worker is measured with."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import orjson
from numpy.typing import NDArray

from dayahead.contracts import MAX_ROWS_PER_MESSAGE
from dayahead.horizon import DAY_LEADS
from dayahead.hours import Hour, format_utc, from_hour
from dayahead.models.fitting.fit import fit_release
from dayahead.models.history import History
from dayahead.models.serving.release import Release
from dayahead.models.settings import ModelSettings
from dayahead.series import partition_of
from dayahead.source import Source
from dayahead.weather.places import WeatherPlaces

START: Hour = 465_000
"""First hour of history, a Wednesday at 0:00 UTC."""

PARTITIONS = 8
SOURCE = Source(
    name="benchmark",
    kind="energi-data-service",
    title="Benchmark",
    url="http://127.0.0.1:1/",
    dataset="Benchmark",
    time_column="HourUTC",
    key_columns=["Area", "Kind"],
    value_column="kWh",
    unit="kWh",
    local_time_zone="Europe/Copenhagen",
    country="DK",
    horizon_h=DAY_LEADS,
)


def source_of(leads: int, weather: WeatherPlaces | None = None) -> Source:
    """The source with another horizon, and with weather."""
    return SOURCE.model_copy(update={"horizon_h": leads, "weather": weather})


@dataclass
class Load:
    """Made-up consumption: a day, a week, noise and its own level for each series.

    Attributes:
        count: series.
    """

    count: int
    seed: int = 7
    ids: list[str] = field(init=False)
    partition: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.ids = [f"A{number % 10}/{number}" for number in range(self.count)]
        self.partition = np.array([partition_of(one, PARTITIONS) for one in self.ids], np.int64)
        rng = np.random.default_rng(self.seed)
        self._level = np.exp(rng.normal(5, 1.5, self.count))
        self._swing = rng.uniform(0.1, 0.5, self.count)
        self._phase = rng.uniform(0, 6, self.count)

    def values(self, first: Hour, end: Hour, series: slice = slice(None)) -> NDArray[np.float64]:
        """Values from `first` to `end` (exclusive) of some series; the same hour is always the same."""
        hour = np.arange(first, end)
        level, swing, phase = (part[series, None] for part in (self._level, self._swing, self._phase))
        daily = np.sin((hour + phase) * 2 * np.pi / 24) + 0.3 * np.sin((hour - phase) * 4 * np.pi / 24)
        weekend = np.where((hour // 24) % 7 >= 5, 0.8, 1.0)
        rng = np.random.default_rng([self.seed, first, series.start or 0])
        noise = rng.normal(0, 0.05, (len(level), len(hour)))
        return np.asarray(np.round(level * weekend * (1 + swing * daily) * (1 + noise), 3))


def messages(
    load: Load, first: Hour, end: Hour, *, refresh: bool, available: Hour | None = None
) -> Iterator[tuple[int, bytes]]:
    """The hours as a poller packs them: a partition's rows together, a series' hours in one message."""
    at = format_utc(from_hour(end if available is None else available))
    for start in range(first, end, MAX_ROWS_PER_MESSAGE):
        texts = [format_utc(from_hour(hour)) for hour in range(start, min(end, start + MAX_ROWS_PER_MESSAGE))]
        values = load.values(start, start + len(texts)).tolist()
        fits = MAX_ROWS_PER_MESSAGE // len(texts)
        for partition in range(PARTITIONS):
            mine = np.flatnonzero(load.partition == partition).tolist()
            for place in range(0, len(mine), fits):
                rows = [
                    [load.ids[series], text, value]
                    for series in mine[place : place + fits]
                    for text, value in zip(texts, values[series], strict=True)
                ]
                message = {"source": SOURCE.name, "available_at": at, "refresh": refresh, "rows": rows}
                yield partition, orjson.dumps(message)


def shipped_release(leads: int = DAY_LEADS) -> Release:
    """The champion's recipe, fitted on 100 series of the made-up load, for so many hours ahead."""
    load = Load(100, seed=11)
    history = History(
        tuple(load.ids),
        START,
        load.values(START, START + 28 * 24),
        (SOURCE.calendar,),
        leads=leads,
    )
    return fit_release(history, ModelSettings(), seed=1)
