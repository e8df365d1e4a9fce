"""Hourly weather of one location and variable, as one publication brought it: a run of a model, or observations."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dayahead.hours import Hour


class Variable(StrEnum):
    """What is measured or forecast, with its unit; an hour has the mean from its start to its end."""

    TEMPERATURE = "temperature_c"
    RADIATION = "shortwave_radiation_w_m2"
    WIND_SPEED = "wind_speed_m_s"
    HUMIDITY = "relative_humidity_pct"


class WeatherKind(StrEnum):
    """Where values come from."""

    RUN = "run"
    OBSERVED = "observed"


@dataclass(frozen=True)
class WeatherValues:
    """Consecutive hours of one location and variable.

    Attributes:
        location: name of the location in its weather source.
        variable: what the values are.
        kind: whether a model forecast them or they were observed.
        start: of a run, the hour it was started from, which is not when it could be had; of observations, `first`.
        available_us: when the publisher made them available, microseconds since 1970.
        first: hour of the first value.
        values: float32 [hours], in the unit of the variable, NaN where an hour is missing.

    Raises:
        ValueError: a run has hours before its start, or there are no hours.
    """

    location: str
    variable: Variable
    kind: WeatherKind
    start: Hour
    available_us: int
    first: Hour
    values: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.values.ndim != 1 or not len(self.values):
            raise ValueError(f"weather of {self.location} must have the shape [hours], not {list(self.values.shape)}")
        if self.first < self.start:
            raise ValueError(f"a run of {self.location} from hour {self.start} on has values from hour {self.first} on")

    @property
    def end(self) -> Hour:
        """The hour after the last value."""
        return self.first + len(self.values)
