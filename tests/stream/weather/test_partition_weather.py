"""What the forecasts of a partition get of its weather; no server."""

from typing import Any

import numpy as np
import pytest

from dayahead.models.serving.window import WINDOW_HOURS, WindowWeather
from dayahead.storage.tables.weather_run import WeatherRun
from dayahead.weather.place_window import PlaceWindow, place_window
from dayahead.weather.places import WeatherPlaces
from dayahead.weather.values import Variable, WeatherValues
from stream.weather import partition_weather
from stream.weather.partition_weather import PartitionWeather
from tests.dayahead.weather.publications import observed, run

START = 465_000
IDS = ("DK1/1", "DK2/1", "DK1/2", "DK2/2")
PLACES = WeatherPlaces(
    source="gfs", default="aarhus", areas={"DK2": {"aarhus": 1, "odense": 3}}, series={"DK1/2": None, "DK2/2": "skagen"}
)


def weather_of(*published: WeatherValues, source: str = "gfs") -> PartitionWeather:
    made = PartitionWeather()
    made.add(WeatherRun(source, one) for one in published)
    return made


def windows(
    weather: PartitionWeather, origin: list[int], series: list[int] | None = None, places: WeatherPlaces = PLACES
) -> WindowWeather:
    chosen = np.array(range(len(origin)) if series is None else series, np.int64)
    return weather.windows(7, places, chosen, lambda index: IDS[index], np.array(origin, np.int64), 24)


def at(found: WindowWeather, series: int, origin: int, hour: int) -> float:
    return float(found.temperature[found.place[series], hour - origin + WINDOW_HOURS - 1])


def test_a_series_has_its_location_or_the_weighted_mean_of_several() -> None:
    weather = weather_of(run(START, [4.0] * 40), run(START, [8.0] * 40, location="odense"))
    found = windows(weather, [START + 2] * 4)
    assert found.temperature.shape == (3, WINDOW_HOURS + 24)
    assert at(found, 0, START + 2, START) == 4.0
    assert at(found, 0, START + 2, START + 26) == 4.0
    assert at(found, 1, START + 2, START + 10) == 7.0
    assert np.isnan(at(found, 0, START + 2, START - 1))
    # no place, and a location of which nothing has come
    assert found.place[2] == -1
    assert np.isnan(found.temperature[found.place[3]]).all()
    assert not found.stale.any()


def test_an_hour_that_one_of_several_locations_lacks_is_unknown() -> None:
    weather = weather_of(run(START, [4.0] * 40), run(START, [8.0, np.nan, 8.0], location="odense"))
    found = windows(weather, [START, START])
    assert [at(found, 1, START, START + hour) for hour in (0, 2)] == [7.0, 7.0]
    assert np.isnan([at(found, 1, START, START + hour) for hour in (1, 3)]).all()


def test_each_origin_has_a_row_of_its_own_and_series_of_one_origin_share_it() -> None:
    weather = weather_of(run(START, np.arange(40.0)))
    found = windows(weather, [START, START + 3, START], series=[0, 0, 0])
    assert found.place[0] == found.place[2] != found.place[1]
    assert len(found.temperature) == 2
    assert at(found, 0, START, START + 5) == at(found, 1, START + 3, START + 5) == 5.0


def test_a_run_is_stale_36_hours_after_its_start_until_the_next_one_comes() -> None:
    weather = weather_of(run(START, [1.0] * 100))
    assert windows(weather, [START + 36]).stale.tolist() == [False]
    assert windows(weather, [START + 37]).stale.tolist() == [True]
    weather.add([WeatherRun("gfs", run(START + 6, [2.0] * 100))])
    found = windows(weather, [START + 37])
    assert found.stale.tolist() == [False]
    assert at(found, 0, START + 37, START + 38) == 2.0


def test_a_mean_is_stale_where_one_of_its_locations_is() -> None:
    weather = weather_of(run(START, [1.0] * 100), run(START + 6, [1.0] * 100, location="odense"))
    found = windows(weather, [START + 37, START + 37])
    assert found.stale[found.place].tolist() == [True, True]
    weather.add([WeatherRun("gfs", run(START + 6, [1.0] * 100))])
    assert not windows(weather, [START + 37, START + 37]).stale.any()


def test_observed_weather_alone_is_not_stale_but_has_no_future() -> None:
    found = windows(weather_of(observed(START, [3.0] * 10)), [START + 9])
    assert at(found, 0, START + 9, START + 9) == 3.0
    assert np.isnan(found.temperature[0, WINDOW_HOURS:]).all()
    assert not found.stale.any()


def test_weather_of_another_source_and_other_variables_do_not_count() -> None:
    weather = weather_of(run(START, [80.0] * 40, variable=Variable.HUMIDITY))
    weather.add([WeatherRun("icon", run(START, [5.0] * 40))])
    assert np.isnan(windows(weather, [START]).temperature).all()
    assert weather.newest_starts() == {("icon", "aarhus"): START}


def test_a_source_that_is_registered_with_other_places_is_followed_at_once() -> None:
    weather = weather_of(run(START, [4.0] * 40), run(START, [8.0] * 40, location="odense"))
    assert at(windows(weather, [START]), 0, START, START) == 4.0
    other = WeatherPlaces(source="gfs", default="odense")
    assert at(windows(weather, [START], places=other), 0, START, START) == 8.0


def test_the_rows_are_looked_up_again_only_when_the_weather_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    weather = weather_of(run(START, [4.0] * 40))
    made: list[object] = []

    def counted(parts: Any, origin: int, leads: int) -> PlaceWindow:
        made.append(origin)
        return place_window(parts, origin, leads)

    monkeypatch.setattr(partition_weather, "place_window", counted)
    for _ in range(3):
        windows(weather, [START, START, START + 1], series=[0, 0, 0])
    assert len(made) == 2
    weather.add([WeatherRun("gfs", run(START + 6, [5.0] * 40))])
    windows(weather, [START])
    assert len(made) == 3
