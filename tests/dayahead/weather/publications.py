"""Publications of weather for tests, on whole numbers of hours."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dayahead.hours import HOUR_US
from dayahead.weather.values import Variable, WeatherKind, WeatherValues


def run(
    start: int,
    values: Sequence[float] | NDArray[np.floating],
    *,
    location: str = "aarhus",
    delay_h: float = 5.0,
    first: int | None = None,
    variable: Variable = Variable.TEMPERATURE,
) -> WeatherValues:
    """A run that could be had some hours after its start."""
    return WeatherValues(
        location=location,
        variable=variable,
        kind=WeatherKind.RUN,
        start=start,
        available_us=int((start + delay_h) * HOUR_US),
        first=start if first is None else first,
        values=np.array(values, np.float32),
    )


def observed(
    first: int, values: Sequence[float] | NDArray[np.floating], *, location: str = "aarhus", delay_h: float = 1.0
) -> WeatherValues:
    """Hours that were published some time after the last of them began."""
    return WeatherValues(
        location=location,
        variable=Variable.TEMPERATURE,
        kind=WeatherKind.OBSERVED,
        start=first,
        available_us=int((first + len(values) - 1 + delay_h) * HOUR_US),
        first=first,
        values=np.array(values, np.float32),
    )
