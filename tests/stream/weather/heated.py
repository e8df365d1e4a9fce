"""A log of series that heat, with their weather, and a release that forecasts with it."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dayahead.hours import Hour
from dayahead.models.serving.release import Release
from dayahead.series import partition_of
from dayahead.weather.message import weather_bytes
from tests.dayahead.models.weather_load import temperatures
from tests.dayahead.weather.publications import observed, run
from tests.stream.conftest import WorkerRoom
from tests.stream.logs import PARTITIONS, START, batch, series_of
from tests.stream.ownership.test_releases import crown, record_of

SERIES = (*series_of(0, 2), *series_of(1, 2))
KNOWN_HOURS, LIVE_HOURS, RUN_HOURS = 920, 26, 72
LIVE: Hour = START + KNOWN_HOURS
"""The first of the hours that arrive one by one."""

SHORT_UNTIL: Hour = LIVE + 4
"""Runs that start before reach little further than the first day of the horizon at one of the two locations."""

LATE, LATE_BY = LIVE + 7, 3
REVISED: Hour = LIVE + 15


def heated_logs(partitions: int = PARTITIONS) -> dict[int, list[bytes | None]]:
    """The same rows and weather in any number of partitions: a window of history at once, then hour by hour.

    One hour is late, one is revised, a run comes twice and one after its successor.
    """
    hours = KNOWN_HOURS + LIVE_HOURS
    celsius = temperatures(2, hours + RUN_HOURS, seed=3)
    load = _load(celsius[:, :hours])
    logs: dict[int, list[bytes | None]] = {partition: [] for partition in range(partitions)}

    def send_rows(first: Hour, end: Hour, available: Hour, *, refresh: bool, scale: float = 1.0) -> None:
        for partition, log in logs.items():
            mine = [row for row, name in enumerate(SERIES) if partition_of(name, partitions) == partition]
            rows: list[tuple[str, Hour, object]] = [
                (SERIES[row], hour, round(float(load[row, hour - START]) * scale, 3))
                for hour in range(first, end)
                for row in mine
                if hour != LATE or available > LATE + 1 or row % 2
            ]
            if rows:
                log.append(batch(rows, available, refresh=refresh))

    def send_weather(message: bytes) -> None:
        for log in logs.values():
            log.append(message)

    for first in range(START, LIVE, 80):
        send_rows(first, min(first + 80, LIVE), min(first + 80, LIVE), refresh=False)
    for place, location in enumerate(("aarhus", "odense")):
        for begin in range(0, KNOWN_HOURS, 400):
            values = celsius[place, begin : min(begin + 400, KNOWN_HOURS)]
            send_weather(weather_bytes("gfs", [observed(START + begin, values, location=location)]))
    for hour in range(LIVE, LIVE + LIVE_HOURS):
        if (hour - LIVE) % 6 == 0:
            messages = _runs(celsius, hour - 5)
            for message in messages:
                send_weather(message)
            if hour == LIVE + 12:
                send_weather(messages[0])
                send_weather(_runs(celsius, hour - 9)[0])
        send_rows(hour, hour + 1, hour + 1, refresh=True)
        if hour == LATE + LATE_BY:
            send_rows(LATE, LATE + 1, hour + 1, refresh=True)
        if hour == REVISED + 1:
            send_rows(REVISED, REVISED + 1, hour + 1, refresh=True, scale=1.1)
    return logs


def serve(room: WorkerRoom, release: Release) -> None:
    """Promote a release."""
    crown(room, release.release_id, record_of(release), release.to_bytes())


def _runs(celsius: NDArray[np.float32], start: Hour) -> list[bytes]:
    """A run of both locations, with errors that grow."""
    errors = np.random.default_rng(start).normal(0, 1, (2, 1)) * np.minimum(np.arange(RUN_HOURS) / 24, 1)
    values = celsius[:, start - START : start - START + RUN_HOURS] + errors.astype(np.float32)
    reach = 40 if start < SHORT_UNTIL else RUN_HOURS
    return [
        weather_bytes("gfs", [run(start, values[0], location="aarhus")]),
        weather_bytes("gfs", [run(start, values[1, :reach], location="odense")]),
    ]


def _load(celsius: NDArray[np.float32]) -> NDArray[np.float64]:
    """Series that heat below 16 degrees by the weather that the source names for them; [series, hours]."""
    hour = np.arange(celsius.shape[1])
    weights: Mapping[str, tuple[float, float]] = {"DK1": (1.0, 0.0), "DK2": (0.25, 0.75)}
    made = []
    for number, name in enumerate(SERIES):
        here = np.array(weights[name.partition("/")[0]]) @ celsius.astype(np.float64)
        daily = 1 + 0.2 * np.sin(2 * np.pi * (hour - 5 * number) / 24)
        noise = np.random.default_rng(number).normal(0, 0.01, len(hour))
        made.append(100 * (number + 1) * (daily + 0.3 * np.maximum(16 - here, 0) / 10) * np.exp(noise))
    return np.array(made)
