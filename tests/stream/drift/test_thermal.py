"""A cold spell that the temperature explains is no drift of the inputs; what it does not explain is found."""

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray

from dayahead.contracts import DriftKind
from dayahead.drift.days import DAY_H
from dayahead.hours import from_hour, wall_clock
from dayahead.storage.tables.drift_watched import DueSeries, WatchedValues
from dayahead.storage.tables.series import register_series
from dayahead.storage.tables.source import load_sources, register_source
from dayahead.storage.tables.weather_run import WeatherRun, write_runs
from dayahead.weather.places import WeatherPlaces
from dayahead.weather.values import Variable, WeatherKind, WeatherValues
from stream.drift.detecting import LEVEL, WEATHER_ADJUSTED
from stream.drift.thermal import SPAN_H, HourlyTemperature, without_weather
from stream.drift.watch import judge_series
from tests.stream.conftest import WorkerRoom
from tests.stream.drift.test_watch import rows, watch
from tests.stream.logs import PARTITIONS, SOURCE, series_of

START = 20_000 * DAY_H
DAYS, COLD = 70, 60
"""Days of the series, and the day on which it becomes cold."""


def mild_then_cold(seed: int, spell_k: float = 15.0) -> NDArray[np.float64]:
    """Temperatures around 8 degrees that wander by some kelvin, and are colder by `spell_k` from day COLD on."""
    chance = np.random.default_rng(seed)
    days = 8 + np.convolve(chance.normal(0, 1.5, DAYS + 3), np.ones(3) / 1.5, "valid")
    hour = np.arange(DAYS * DAY_H)
    values = np.interp(hour / DAY_H, np.arange(DAYS + 1), days) + 2 * np.sin((hour - 9) / DAY_H * 2 * np.pi)
    values[COLD * DAY_H :] -= spell_k
    return values


def heated(temperature: NDArray[np.float64], seed: int, rise_per_k: float = 7.0) -> NDArray[np.float64]:
    """Consumption of 100 with a day's pattern that rises where it is below 16 degrees."""
    chance = np.random.default_rng(seed)
    hour = np.arange(len(temperature))
    shape = 1 + 0.3 * np.sin((hour - 9) / DAY_H * 2 * np.pi)
    return 100 * shape * np.exp(chance.normal(0, 0.03, len(hour))) + rise_per_k * np.maximum(16 - temperature, 0)


def found(load: NDArray[np.float64], temperature: NDArray[np.float64] | None) -> dict[str, list[int]]:
    """The days from COLD on on which each detector fires, counted from COLD."""
    watched = WatchedValues(START + np.arange(len(load)), load)
    due = DueSeries(1, "T1", START + COLD * DAY_H, START + len(load))
    at = None if temperature is None else HourlyTemperature(START, temperature)
    days: dict[str, list[int]] = {}
    for one in judge_series(DriftKind.DATA, due, watched, at):
        days.setdefault(one.detector, []).append((one.hour - START) // DAY_H - COLD)
    return days


@pytest.mark.parametrize("seed", range(4))
def test_a_cold_spell_is_a_drift_of_the_level_without_the_weather_and_none_with_it(seed: int) -> None:
    temperature = mild_then_cold(seed)
    load = heated(temperature, seed)
    assert LEVEL.detector in found(load, None)
    assert not any(name.startswith(LEVEL.detector) for name in found(load, temperature))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("factor", [0.6, 1.5, 3.0])
def test_a_level_that_the_weather_does_not_explain_is_found_and_says_that_the_weather_was_taken_off(
    seed: int, factor: float
) -> None:
    temperature = mild_then_cold(seed, 0.0)
    load = heated(temperature, seed)
    load[COLD * DAY_H :] *= factor
    days = found(load, temperature)
    assert min(days[LEVEL.detector + WEATHER_ADJUSTED]) <= 3
    assert all(name.endswith(WEATHER_ADJUSTED) for name in days)


def test_a_level_that_doubles_within_a_cold_spell_is_found() -> None:
    temperature = mild_then_cold(1)
    load = heated(temperature, 1)
    load[COLD * DAY_H :] *= 2
    assert min(found(load, temperature)[LEVEL.detector + WEATHER_ADJUSTED]) <= 2


def test_a_series_that_does_not_heat_is_judged_alike_with_and_without_weather() -> None:
    temperature = mild_then_cold(2)
    load = heated(temperature, 2, rise_per_k=0.0)
    assert found(load, temperature) == found(load, None) == {}


def test_days_whose_weather_is_not_known_are_judged_as_without_weather() -> None:
    temperature = mild_then_cold(1)
    load = heated(temperature, 1)
    unknown = temperature.copy()
    unknown[(COLD - 1) * DAY_H :] = np.nan
    assert found(load, unknown) == found(load, None) != {}
    assert found(load, np.full(len(load), np.nan)) == found(load, None)


def test_a_few_unknown_temperatures_change_nothing_of_what_is_said() -> None:
    temperature = mild_then_cold(1)
    load = heated(temperature, 1)
    temperature[[900, 901, 1300]] = np.nan
    assert not any(name.startswith(LEVEL.detector) for name in found(load, temperature))


def test_the_judgement_of_a_day_depends_on_the_weeks_before_its_end_alone() -> None:
    temperature, end = mild_then_cold(3), START + (COLD + 1) * DAY_H
    load, hours = heated(temperature, 3), START + np.arange(DAYS * DAY_H)
    whole = without_weather(hours, load, HourlyTemperature(START, temperature), end)
    part = slice(end - START - SPAN_H - DAY_H, end - START)
    alone = without_weather(hours[part], load[part], HourlyTemperature(START + part.start, temperature[part]), end)
    assert whole is not None
    assert alone is not None
    assert np.array_equal(whole[1], alone[1])


@pytest.mark.servers
def test_the_watch_reads_the_temperature_of_the_place_of_each_series(room: WorkerRoom) -> None:
    explained, steady = series_of(0, 2)
    temperature = mild_then_cold(1)
    load = heated(temperature, 1)[: (COLD + 6) * DAY_H]
    with psycopg.connect(room.database_url) as connection:
        places = WeatherPlaces(source="sky", series={explained: {"north": 0.5, "south": 0.5}})
        register_source(connection, SOURCE.model_copy(update={"weather": places}))
        source = load_sources(connection)[SOURCE.name]
        series = register_series(connection, [explained, steady], source, PARTITIONS, wall_clock())
        with connection.cursor() as cursor:
            for series_id in (explained, steady):
                cursor.executemany(
                    "INSERT INTO observation (series_key, valid_time, value, available_at, recorded_at)"
                    " VALUES (%s, %s, %s, %s, %s)",
                    [
                        [series[series_id].series_key, moment, float(value), moment, moment]
                        for hour, value in enumerate(load)
                        if (moment := from_hour(START + hour))
                    ],
                )
            runs = [
                WeatherRun("sky", _observed(name, START + first, temperature[first : first + 240] + off))
                for name, off in (("north", -4.0), ("south", 4.0))
                for first in range(0, len(temperature), 240)
            ]
            write_runs(cursor, runs, wall_clock())
    watch(room, [0]).round()
    by_level = [row for row in rows(room) if str(row[2]).startswith(LEVEL.detector)]
    assert {(row[0], row[2]) for row in by_level} == {(steady, LEVEL.detector)}


def _observed(location: str, first: int, values: NDArray[np.float64]) -> WeatherValues:
    return WeatherValues(
        location=location,
        variable=Variable.TEMPERATURE,
        kind=WeatherKind.OBSERVED,
        start=first,
        available_us=(first + len(values)) * 3_600_000_000,
        first=first,
        values=values.astype(np.float32),
    )
