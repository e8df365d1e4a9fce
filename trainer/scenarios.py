"""Faults of the input at the time of a forecast, of the load or of the weather: a challenger is judged under each."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dayahead.weather.history import WeatherHistory

LAST_HOURS = 6
DAY = 24
STUCK_HOURS = 12


class Scenario(StrEnum):
    """A state of the input."""

    ALL_WELL = "all_well"
    LAST_HOURS_MISSING = "last_hours_missing"
    DAY_MISSING = "day_missing"
    STUCK_METER = "stuck_meter"
    NO_WEATHER = "no_weather"
    RUN_LATE = "run_late"
    WRONG_PLACE = "wrong_place"

    @property
    def meaning(self) -> str:
        """The name that reports show."""
        return _MEANINGS[self]

    @property
    def is_of_weather(self) -> bool:
        """Whether it is a fault of the weather, not of the load."""
        return self in {Scenario.NO_WEATHER, Scenario.RUN_LATE, Scenario.WRONG_PLACE}


_MEANINGS = {
    Scenario.ALL_WELL: "input as observed",
    Scenario.LAST_HOURS_MISSING: f"last {LAST_HOURS} h missing",
    Scenario.DAY_MISSING: "the day before yesterday missing",
    Scenario.STUCK_METER: f"meter stuck for {STUCK_HOURS} h",
    Scenario.NO_WEATHER: f"no weather for {DAY} h",
    Scenario.RUN_LATE: f"newest run of the weather {DAY} h late",
    Scenario.WRONG_PLACE: "run of the wrong place",
}


def scenarios_of(weather: WeatherHistory | None) -> list[Scenario]:
    """The scenarios that can happen to series with this weather: a wrong place needs two places."""
    places = 0 if weather is None or not len(weather.place_of) else int(weather.place_of.max()) + 1
    least = {Scenario.NO_WEATHER: 1, Scenario.RUN_LATE: 1, Scenario.WRONG_PLACE: 2}
    return [scenario for scenario in Scenario if places >= least.get(scenario, 0)]


def damaged(windows: NDArray[np.float64], scenario: Scenario) -> NDArray[np.float64]:
    """Windows of load with the fault of a scenario; a fault of the weather leaves them as they are.

    Args:
        windows: float64 [n, hours], the last column the origin; not changed.
        scenario: the fault.
    """
    if scenario is Scenario.ALL_WELL or scenario.is_of_weather:
        return windows
    broken = windows.copy()
    if scenario is Scenario.LAST_HOURS_MISSING:
        broken[:, -LAST_HOURS:] = np.nan
    elif scenario is Scenario.DAY_MISSING:
        # This day is a lag of every lead, and used to fill its neighbours.
        broken[:, -2 * DAY : -DAY] = np.nan
    else:
        broken[:, -STUCK_HOURS:] = broken[:, -STUCK_HOURS - 1 : -STUCK_HOURS]
    return broken
