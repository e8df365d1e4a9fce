"""Made-up weather for the sample: runs of two locations every six hours, up to the horizon of the newest forecast."""

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.hours import HOUR_US, Hour, from_hour
from dayahead.reading.source_file import load_source
from dayahead.storage.tables.source import register_source
from dayahead.storage.tables.weather_poll import record_weather_poll
from dayahead.storage.tables.weather_run import WeatherRun, write_runs
from dayahead.storage.tables.weather_source import register_weather_source
from dayahead.weather.places import WeatherPlaces
from dayahead.weather.source import Location, WeatherSource
from dayahead.weather.values import Variable, WeatherKind, WeatherValues
from tests.api.fakes import NOW
from tests.api.sample import SOURCE

SKY = WeatherSource(
    name="sky",
    kind="weather-file",
    title="A made-up model",
    attribution="Weather: nowhere",
    locations={"north": Location(latitude=57.0, longitude=9.9), "south": Location(latitude=55.5, longitude=9.7)},
)
PLACES = WeatherPlaces(source="sky", areas={"DK1": {"north": 3, "south": 1}}, series={"DK1/211": None})
"""DK1 follows both locations, all but one of its series; DK2 follows none."""

DELAY_H, RUN_HOURS, BACK_H = 5, 72, 12 * 24


def temperature(location: str, hours: NDArray[np.int64]) -> NDArray[np.float32]:
    """What it was: cold and colder, with a day's course; the south is three kelvin warmer."""
    course = 2.5 * np.sin((hours % 24 - 9) / 24 * 2 * np.pi) + 4 * np.sin(hours / 70)
    return np.asarray(1.5 + course + (3 if location == "south" else 0), np.float32)


def run_of(location: str, start: Hour) -> WeatherRun:
    """A run that is off by the more the farther it looks ahead, available five hours after its start."""
    hours = np.arange(start, start + RUN_HOURS)
    off = 0.02 * (hours - start) * (1 if start % 12 else -1)
    values = (temperature(location, hours) + off).astype(np.float32)
    available_us = (start + DELAY_H) * HOUR_US
    return WeatherRun(
        "sky", WeatherValues(location, Variable.TEMPERATURE, WeatherKind.RUN, start, available_us, start, values)
    )


def insert_weather(database_url: str, newest: Hour, last_start: Hour | None = None) -> list[Hour]:
    """Let the source of the sample follow weather.

    Args:
        database_url: of the sample.
        newest: newest hour of the sample.
        last_start: start of the last run; None for the newest that the sample could have.

    Returns:
        The starts of the runs.
    """
    last = (newest - DELAY_H) // 6 * 6 if last_start is None else last_start
    starts = list(range(last - BACK_H, last + 1, 6))
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection, connection.cursor() as cursor:
        register_weather_source(connection, SKY)
        register_source(connection, load_source(SOURCE).model_copy(update={"weather": PLACES}))
        write_runs(cursor, [run_of(name, start) for name in SKY.locations for start in starts], from_hour(newest))
        record_weather_poll(connection, "sky", starts[-1], 0, NOW)
    return starts
