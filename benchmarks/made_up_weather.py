"""Made-up weather, the messages that carry it, and a release that forecasts with it."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dayahead.features.weather import SLOPES, WEATHER_FEATURES
from dayahead.hours import HOUR_US, Hour
from dayahead.models.serving.release import LaterDay, Release
from dayahead.models.serving.release_weather import ReleaseWeather, WeatherDayParts
from dayahead.quantiles import LEVELS
from dayahead.weather.history import WeatherBasis
from dayahead.weather.message import MAX_HOURS, weather_bytes
from dayahead.weather.places import WeatherPlaces
from dayahead.weather.values import Variable, WeatherKind, WeatherValues

WEATHER_SOURCE = "benchmark-weather"

MOST_PLACES = 10
"""As many as the made-up load has areas."""

RUN_AGE_H = 5
"""Hours from the start of a run until it can be had."""


def temperatures(places: int, hours: int) -> NDArray[np.float32]:
    """Days of their own level and a daily swing; float32 [places, hours], degrees Celsius."""
    rng = np.random.default_rng(2)
    hour = np.arange(hours)
    days = rng.normal(14, 6, (places, hours // 24 + 1)).repeat(24, axis=1)[:, :hours]
    return np.asarray(days + 4 * np.sin(2 * np.pi * hour / 24), np.float32)


def places_of_areas(places: int) -> WeatherPlaces:
    """A location for each area of the made-up load."""
    return WeatherPlaces(source=WEATHER_SOURCE, areas={f"A{area}": _name(area % places) for area in range(MOST_PLACES)})


def weather_messages(places: int, first: Hour, now: Hour, end: Hour) -> Iterator[bytes]:
    """The hours before `now` as observed, and a run that has just become known and reaches to `end` (exclusive)."""
    start = now - RUN_AGE_H
    for place, celsius in enumerate(temperatures(places, end - first)):
        for begin in range(first, now, MAX_HOURS):
            hours = celsius[begin - first : min(begin + MAX_HOURS, now) - first]
            yield _message(place, WeatherKind.OBSERVED, begin, now, hours)
        yield _message(place, WeatherKind.RUN, start, now, celsius[start - first :])


def with_weather(release: Release) -> Release:
    """The release with a member that knows the weather, of the size of the one without, which is what costs."""
    days: list[Release | LaterDay] = [release, *release.later_days]
    rng = np.random.default_rng(1)
    parts = tuple(
        WeatherDayParts(
            one.coefficients,
            rng.normal(0, 1e-3, (24, 24, len(WEATHER_FEATURES))).astype(np.float32),
            one.band_multipliers,
            np.zeros((24, len(LEVELS)), np.float32),
            serves=True,
        )
        for one in days
    )
    slopes = np.full(len(SLOPES), 0.1, np.float32)
    strength = 0.1 * np.eye(len(SLOPES), dtype=np.float32)
    basis = WeatherBasis.SIMULATED
    return replace(release, weather=ReleaseWeather(basis, slopes, strength, release.correction, release.spread, parts))


def _name(place: int) -> str:
    return f"place-{place}"


def _message(place: int, kind: WeatherKind, first: Hour, available: Hour, hours: NDArray[np.float32]) -> bytes:
    values = WeatherValues(_name(place), Variable.TEMPERATURE, kind, first, available * HOUR_US, first, hours)
    return weather_bytes(WEATHER_SOURCE, [values])
