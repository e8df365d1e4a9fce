"""What a forecast is made from: the last hours of some series, as known now."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.horizon import LEAST_LEADS, MAX_LEADS

WINDOW_HOURS = 912
"""Hours that a series is remembered: 672 for the features, 192 more for the recent errors of the linear member,
the rest so that gaps are filled from something. The state of a series is a pure function of these hours
and of the release; nothing remembers more."""


@dataclass(frozen=True)
class WindowWeather:
    """The temperature of the places of some series, as known now.

    Attributes:
        temperature: float32 [places, 912 + leads], degrees Celsius of the hours origin - 911 to origin + leads, NaN
            where nothing is known; a place at two origins has two rows.
        place: int64 [n], row of `temperature` of each series, -1 for a series without a place.
        stale: bool [places], whether the newest run is too old for the origin to be used.

    Raises:
        ValueError: the arrays do not fit each other.
    """

    temperature: NDArray[np.float32]
    place: NDArray[np.int64]
    stale: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.temperature.ndim != 2 or self.stale.shape != (len(self.temperature),):
            raise ValueError(
                f"temperature {list(self.temperature.shape)} and stale {list(self.stale.shape)} must have a row a place"
            )
        if len(self.place) and not -1 <= self.place.min() <= self.place.max() < len(self.temperature):
            raise ValueError(f"place must be -1 to {len(self.temperature) - 1}, not {self.place.max()}")

    def take(self, rows: NDArray[np.int64] | slice) -> "WindowWeather":
        """That of some of the series."""
        return WindowWeather(self.temperature, self.place[rows], self.stale)


@dataclass(frozen=True)
class WindowBatch:
    """The windows of some series of one source.

    Attributes:
        values: float64 [n, 912], in the unit of the series, NaN where an hour is missing; column 911 is the origin.
        origin: int64 [n], the hour of the last column.
        calendar: of the source that all series of the batch belong to.
        leads: hours after the origin that are wanted, 24 to 408.
        weather: of the places of the series; None where the source names no weather.

    Raises:
        ValueError: an array has another shape, or the leads are out of range.
    """

    values: NDArray[np.float64]
    origin: NDArray[np.int64]
    calendar: Calendar
    leads: int = LEAST_LEADS
    weather: WindowWeather | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != WINDOW_HOURS:
            raise ValueError(f"values must have the shape [n, {WINDOW_HOURS}], not {list(self.values.shape)}")
        if self.origin.shape != (self.values.shape[0],):
            raise ValueError(f"origin must have the shape [{self.values.shape[0]}], not {list(self.origin.shape)}")
        if not LEAST_LEADS <= self.leads <= MAX_LEADS:
            raise ValueError(f"leads must be {LEAST_LEADS} to {MAX_LEADS}, not {self.leads}")
        if self.weather is not None:
            expected = (self.weather.temperature.shape[0], WINDOW_HOURS + self.leads)
            if self.weather.temperature.shape != expected or self.weather.place.shape != self.origin.shape:
                raise ValueError(
                    f"temperature must have the shape [places, {expected[1]}] and place [{len(self)}], not "
                    f"{list(self.weather.temperature.shape)} and {list(self.weather.place.shape)}"
                )

    def __len__(self) -> int:
        return len(self.origin)

    def take(self, rows: slice) -> "WindowBatch":
        """The windows of some of the series."""
        weather = None if self.weather is None else self.weather.take(rows)
        return WindowBatch(self.values[rows], self.origin[rows], self.calendar, self.leads, weather)
