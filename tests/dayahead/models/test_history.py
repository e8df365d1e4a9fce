import numpy as np

from dayahead.features.calendar import Calendar
from dayahead.hours import Hour
from dayahead.models.history import History
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.weather.history import WeatherBasis, WeatherHistory

START: Hour = 400_000


class HourlyWeather(WeatherHistory):
    """Place p has the temperature p + hour / 1000, where 'hour' counts from START."""

    basis = WeatherBasis.OBSERVED

    def __init__(self, place_of: list[int], fingerprint: str = "hourly") -> None:
        self.place_of = np.array(place_of, np.int64)
        self._fingerprint = fingerprint

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def temperatures(self, place: int, origins: np.ndarray, leads: int) -> np.ndarray:
        hours = origins[:, None] + np.arange(1 - WINDOW_HOURS, leads + 1)
        return (place + (hours - START) / 1000).astype(np.float32)


def history_of(weather: WeatherHistory | None) -> History:
    values = np.random.default_rng(1).random((4, 1200))
    calendars = (Calendar("Europe/Copenhagen", "DK"), Calendar("UTC"))
    return History(("a", "b", "c", "d"), START, values, calendars, np.array([0, 1, 1, 0]), 48, weather)


def test_a_window_has_the_weather_of_the_place_of_its_series_at_its_own_origin() -> None:
    history = history_of(HourlyWeather([2, 0, 1, -1]))
    batch = history.window_batch(np.array([2, 1, 2]), np.array([START + 1000, START + 1000, START + 1003]))
    assert batch.weather is not None
    rows = batch.weather.temperature[batch.weather.place]
    np.testing.assert_allclose(rows[:, WINDOW_HOURS - 1], [1 + 1.0, 0 + 1.0, 1 + 1.003], rtol=1e-6)
    np.testing.assert_allclose(rows[:, -1] - rows[:, 0], (WINDOW_HOURS + 48 - 1) / 1000, rtol=1e-4)
    assert not batch.weather.stale.any()


def test_series_of_a_place_share_its_row_and_a_series_without_a_place_has_none() -> None:
    _, batch = history_of(HourlyWeather([0, 0, 0, -1])).batch(START + 1000)
    assert batch.weather is not None
    assert batch.weather.place[1] == -1
    assert len(batch.weather.temperature) == 2  # the place, and the empty row of none
    _, batch = history_of(HourlyWeather([0, 3, 3, 0])).batch(START + 1000, calendar=1)
    assert batch.weather is not None
    assert batch.weather.place.tolist() == [0, 0]


def test_a_part_of_a_batch_keeps_the_weather_of_its_series() -> None:
    _, batch = history_of(HourlyWeather([1, 0, 0, 2])).batch(START + 1000)
    assert batch.weather is not None
    last = batch.take(slice(1, 2))
    assert last.weather is not None
    wanted = batch.weather.temperature[batch.weather.place[1]]
    np.testing.assert_array_equal(last.weather.temperature[last.weather.place[0]], wanted)


def test_other_weather_is_another_fingerprint_and_none_is_the_one_of_the_load() -> None:
    load = history_of(None).fingerprint
    first, second = (history_of(HourlyWeather([0, 0, 0, 0], name)).fingerprint for name in ("one", "two"))
    assert len({load, first, second}) == 3
    assert history_of(None).batch(START + 1000)[1].weather is None


def test_a_cut_of_a_history_keeps_the_weather_of_its_hours() -> None:
    history = history_of(HourlyWeather([0, 0, 0, 0])).since(START + 24).until(START + 1100)
    _, batch = history.batch(START + 1000)
    assert batch.weather is not None
    assert batch.weather.temperature[0, WINDOW_HOURS - 1] == np.float32(1.0)
