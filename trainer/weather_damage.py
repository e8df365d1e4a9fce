"""Faults of the weather at the time of a forecast, as a history of weather that has them."""

import numpy as np
from numpy.typing import NDArray

from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.weather.history import WeatherHistory
from trainer.scenarios import DAY, Scenario


class DamagedWeather(WeatherHistory):
    """Weather with the fault of a scenario at every origin."""

    def __init__(self, weather: WeatherHistory, scenario: Scenario) -> None:
        """Keep the weather.

        Args:
            weather: without the fault.
            scenario: one that `is_of_weather`.
        """
        self._weather, self._scenario = weather, scenario
        self.basis, self.place_of = weather.basis, weather.place_of

    @property
    def fingerprint(self) -> str:
        """That of the weather, with the fault."""
        return f"{self._weather.fingerprint}-{self._scenario}"

    def temperatures(self, place: int, origins: NDArray[np.int64], leads: int) -> NDArray[np.float32]:
        """What would have been known of a place at each origin; see `WeatherHistory`."""
        known = self._weather.temperatures(place, origins, leads).copy()
        ahead = np.s_[:, WINDOW_HOURS:]
        if self._scenario is Scenario.NO_WEATHER:
            known[:, WINDOW_HOURS - DAY :] = np.nan
        elif self._scenario is Scenario.RUN_LATE:
            known[ahead] = self._weather.temperatures(place, origins - DAY, leads + DAY)[:, WINDOW_HOURS + DAY :]
        elif self._scenario is Scenario.WRONG_PLACE:
            known[ahead] = self._weather.temperatures(self._other(place), origins, leads)[ahead]
        return known

    def stale(self, place: int, origins: NDArray[np.int64]) -> NDArray[np.bool_]:
        """As of the weather without the fault."""
        return self._weather.stale(place, origins)

    def _other(self, place: int) -> int:
        return (place + 1) % (int(self.place_of.max()) + 1)
