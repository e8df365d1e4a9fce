import numpy as np
import pytest

from dayahead.hours import HOUR_US
from dayahead.weather.archived import ArchivedLocation
from dayahead.weather.history import WeatherBasis, WeatherHistory
from dayahead.weather.location import ObservedLocation
from dayahead.weather.placed import PlacedWeather
from dayahead.weather.places import Weights
from dayahead.weather.values import Variable, WeatherKind, WeatherValues
from trainer.scenarios import Scenario, scenarios_of
from trainer.weather_damage import DamagedWeather

START, HOURS, LEADS = 1000, 1200, 49
ORIGINS = np.array([START + 1000, START + 1007])


def weather(*places: Weights | None) -> WeatherHistory:
    locations = {
        name: ObservedLocation(np.arange(HOURS, dtype=np.float32) + np.float32(level), START)
        for name, level in (("north", 0), ("south", 5000))
    }
    return PlacedWeather(locations, places, WeatherBasis.OBSERVED)


TWO = weather((("north", 1.0),), (("south", 1.0),))


def temperatures(scenario: Scenario, place: int = 0) -> tuple[np.ndarray, np.ndarray]:
    damaged = DamagedWeather(TWO, scenario)
    return damaged.temperatures(place, ORIGINS, LEADS), TWO.temperatures(place, ORIGINS, LEADS)


def test_without_weather_neither_the_last_day_nor_any_hour_ahead_is_known() -> None:
    damaged, usual = temperatures(Scenario.NO_WEATHER)
    assert np.isnan(damaged[:, 912 - 24 :]).all()
    np.testing.assert_array_equal(damaged[:, : 912 - 24], usual[:, : 912 - 24])


def test_a_late_run_is_that_of_the_day_before() -> None:
    runs = [
        WeatherValues(
            "north",
            Variable.TEMPERATURE,
            WeatherKind.RUN,
            start,
            (start + 5) * HOUR_US,
            start,
            np.full(96, start, np.float32),
        )
        for start in range(START, START + HOURS, 6)
    ]
    archive = ArchivedLocation(runs, START + 100, START + HOURS, LEADS + 24)
    history = PlacedWeather({"north": archive}, [(("north", 1.0),)], WeatherBasis.RUNS)
    damaged = DamagedWeather(history, Scenario.RUN_LATE).temperatures(0, ORIGINS, LEADS)
    usual = history.temperatures(0, ORIGINS, LEADS)
    np.testing.assert_array_equal(damaged[:, 912:], usual[:, 912:] - 24)
    np.testing.assert_array_equal(damaged[:, :912], usual[:, :912])


@pytest.mark.parametrize("place", [0, 1])
def test_a_run_of_the_wrong_place_is_that_of_another(place: int) -> None:
    damaged, usual = temperatures(Scenario.WRONG_PLACE, place)
    np.testing.assert_array_equal(damaged[:, 912:], TWO.temperatures(1 - place, ORIGINS, LEADS)[:, 912:])
    np.testing.assert_array_equal(damaged[:, :912], usual[:, :912])


def test_only_faults_that_can_happen_are_judged() -> None:
    of_load = [scenario for scenario in Scenario if not scenario.is_of_weather]
    assert scenarios_of(None) == of_load
    assert scenarios_of(weather(None)) == of_load
    assert scenarios_of(weather((("north", 1.0),), None)) == [*of_load, Scenario.NO_WEATHER, Scenario.RUN_LATE]
    assert scenarios_of(TWO) == list(Scenario)


def test_damage_does_not_change_the_weather_itself() -> None:
    before = TWO.temperatures(0, ORIGINS, LEADS)
    for scenario in scenarios_of(TWO):
        DamagedWeather(TWO, scenario).temperatures(0, ORIGINS, LEADS)
    np.testing.assert_array_equal(TWO.temperatures(0, ORIGINS, LEADS), before)
    assert DamagedWeather(TWO, Scenario.RUN_LATE).fingerprint != TWO.fingerprint
