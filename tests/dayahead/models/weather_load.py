"""Made-up load that follows a made-up temperature, and weather of it as known at each origin."""

import numpy as np
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.hours import Hour
from dayahead.models.history import History
from dayahead.weather.history import WeatherBasis
from dayahead.weather.location import ObservedLocation
from dayahead.weather.placed import PlacedWeather

START: Hour = 464_592  # 2023-01-01T00Z, a Sunday
COPENHAGEN = Calendar("Europe/Copenhagen", "DK")


def temperatures(places: int, hours: int, seed: int = 0) -> NDArray[np.float32]:
    """Days that are warm or cold for some days in a row; float32 [places, hours], degrees Celsius."""
    rng = np.random.default_rng(seed)
    hour = np.arange(hours)
    wander = np.zeros((places, hours))
    shocks = rng.normal(0, 0.6, (places, hours))
    for column in range(1, hours):
        wander[:, column] = 0.96 * wander[:, column - 1] + shocks[:, column]
    return (14 + 4 * np.sin(2 * np.pi * (hour - 9) / 24) + 2 * wander).astype(np.float32)


def weather_history(series: int, hours: int, *, leads: int = 24, seed: int = 0, places: int = 2) -> History:
    """Series that heat below 16 degrees and cool above 20, each by its own slopes; every last one has no place."""
    rng = np.random.default_rng(seed)
    temperature = temperatures(places, hours + leads, seed)
    at = np.arange(series) % places
    here = temperature[at, :hours].astype(np.float64)
    hour = np.arange(hours)
    level = 10.0 ** rng.uniform(1, 4, (series, 1))
    daily = 1 + 0.2 * np.sin(2 * np.pi * (hour - rng.uniform(0, 24, (series, 1))) / 24)
    heating, cooling = rng.uniform(0.1, 0.4, (2, series, 1))
    effect = heating * np.maximum(16 - here, 0) / 10 + cooling * np.maximum(here - 20, 0) / 10
    values = level * (daily + effect) * np.exp(rng.normal(0, 0.01, (series, hours)))
    locations = {f"place-{number}": ObservedLocation(temperature[number], START) for number in range(places)}
    weights = [((f"place-{place}", 1.0),) for place in at.tolist()]
    placed = PlacedWeather(locations, [*weights[:-1], None], WeatherBasis.OBSERVED)
    return History(
        tuple(f"DK1/{number}" for number in range(series)), START, values, (COPENHAGEN,), leads=leads, weather=placed
    )
