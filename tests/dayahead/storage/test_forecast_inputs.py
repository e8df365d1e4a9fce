"""The inputs of a forecast are the values and the weather that were known when it was made."""

from datetime import datetime

import numpy as np
import psycopg
import pytest

from dayahead.contracts import Rung
from dayahead.hours import HOUR_US, Hour, from_hour, wall_clock
from dayahead.models.serving.window import WINDOW_HOURS, WindowWeather
from dayahead.storage.forecast_inputs import read_inputs
from dayahead.storage.tables.forecast import StoredForecast
from dayahead.storage.tables.series import register_series
from dayahead.storage.tables.source import register_source
from dayahead.storage.tables.weather_arrival import Arrival, write_arrivals
from dayahead.storage.tables.weather_run import WeatherRun
from dayahead.weather.places import WeatherPlaces
from dayahead.weather.values import Variable, WeatherKind, WeatherValues
from tests.stream.logs import PARTITIONS, SOURCE, START, series_of

pytestmark = pytest.mark.servers

TOPIC, PARTITION, OFFSET = "observations", 0, 7
ORIGIN, LEADS = START + 40, 24
FOLLOWS, WITHOUT = series_of(PARTITION, 2)


def run_of(location: str, start: Hour, celsius: float, hours: int = 72) -> WeatherRun:
    values = np.full(hours, celsius, np.float32)
    published = WeatherValues(
        location, Variable.TEMPERATURE, WeatherKind.RUN, start, (start + 5) * HOUR_US, start, values
    )
    return WeatherRun("sky", published)


def forecast_of(series_id: str, origin: datetime, issued_at: datetime) -> StoredForecast:
    line = np.full(LEADS, 1, np.float32)
    return StoredForecast(series_id, origin, issued_at, None, Rung.PROFILE, 0, 0, line, line, line, "kWh")


def test_the_window_is_as_it_was_published_by_the_issue_and_the_weather_as_it_came_before_its_message(
    database_url: str,
) -> None:
    issued_at = from_hour(ORIGIN + 1)
    places = WeatherPlaces(source="sky", series={FOLLOWS: {"north": 3, "south": 1}})
    with psycopg.connect(database_url) as connection:
        source = register_source(connection, SOURCE.model_copy(update={"weather": places}))
        series = register_series(connection, [FOLLOWS, WITHOUT], source, PARTITIONS, wall_clock())
        with connection.cursor() as cursor:
            for one in series.values():
                for hour in range(START, ORIGIN + 1):
                    moment, late = from_hour(hour), from_hour(ORIGIN + 99)
                    cursor.execute(
                        "INSERT INTO observation (series_key, valid_time, value, available_at, recorded_at)"
                        " VALUES (%s, %s, %s, %s, %s)",
                        [one.series_key, moment, 9.0, late if hour == START + 3 else from_hour(hour + 1), moment],
                    )
                cursor.execute(
                    "INSERT INTO observation_revision (series_key, valid_time, value, available_at, recorded_at)"
                    " VALUES (%s, %s, 5, %s, %s)",
                    [one.series_key, from_hour(START + 3), from_hour(START + 4), issued_at],
                )
                cursor.execute(
                    "INSERT INTO forecast (series_key, origin, issued_at, release, rung, reasons, p50, p10, p90,"
                    " message_offset) VALUES (%s, %s, %s, NULL, 3, 0, '{1}', '{1}', '{1}', %s)",
                    [one.series_key, from_hour(ORIGIN), issued_at, OFFSET],
                )
            arrivals = [
                Arrival(5, run_of("north", ORIGIN - 12, 4.0)),
                Arrival(6, run_of("south", ORIGIN - 12, 8.0)),
                Arrival(OFFSET + 1, run_of("north", ORIGIN - 6, 20.0)),
            ]
            write_arrivals(cursor, TOPIC, PARTITION, arrivals, wall_clock())
        inputs = {
            name: read_inputs(
                connection, one.series_key, PARTITION, TOPIC, forecast_of(name, from_hour(ORIGIN), issued_at)
            )
            for name, one in series.items()
        }
    then, now = inputs[FOLLOWS].windows
    place = WINDOW_HOURS - 1 - (ORIGIN - START) + 3
    assert (then.values[0, place], now.values[0, place]) == (5.0, 9.0)
    assert np.isnan(then.values[0, : place - 3]).all()
    assert (then.values[0, place + 1 :] == 9.0).all()
    weather = then.weather
    assert isinstance(weather, WindowWeather)
    known = weather.temperature[0, WINDOW_HOURS - 12 :]
    np.testing.assert_allclose(known, 5.0)  # three quarters of 4, one of 8; the run of 20 degrees came later
    assert np.isnan(weather.temperature[0, : WINDOW_HOURS - 13]).all()
    assert (weather.place.tolist(), weather.stale.tolist()) == ([0], [False])
    other = inputs[WITHOUT].windows[0].weather
    assert other is not None
    assert other.place.tolist() == [-1]
