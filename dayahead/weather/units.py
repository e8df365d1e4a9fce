"""Units of weather as publishers write them, and what makes ours of them."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from dayahead.weather.values import Variable

Convert = Callable[[NDArray[np.float64]], NDArray[np.float64]]

FAHRENHEIT_ZERO, FAHRENHEIT_DEGREES = 32.0, 1.8
KELVIN_ZERO = 273.15
M_S_OF_KM_H, M_S_OF_MPH, M_S_OF_KNOT = 1 / 3.6, 0.44704, 1852 / 3600

UNITS: Mapping[str, tuple[Variable, Convert]] = {
    "°C": (Variable.TEMPERATURE, lambda values: values),
    "°F": (Variable.TEMPERATURE, lambda values: (values - FAHRENHEIT_ZERO) / FAHRENHEIT_DEGREES),
    "K": (Variable.TEMPERATURE, lambda values: values - KELVIN_ZERO),
    "W/m²": (Variable.RADIATION, lambda values: values),
    "m/s": (Variable.WIND_SPEED, lambda values: values),
    "km/h": (Variable.WIND_SPEED, lambda values: values * M_S_OF_KM_H),
    "mph": (Variable.WIND_SPEED, lambda values: values * M_S_OF_MPH),
    "kn": (Variable.WIND_SPEED, lambda values: values * M_S_OF_KNOT),
    "%": (Variable.HUMIDITY, lambda values: values),
}
"""Unit -> its variable, and what makes the unit of the variable of it."""

OTHER_NAMES = {"C": "°C", "F": "°F", "W/m2": "W/m²", "mp/h": "mph"}


def converter(variable: Variable, unit: str) -> Convert | None:
    """What makes values of a variable from a unit; None for a unit that it does not have."""
    known, convert = UNITS.get(OTHER_NAMES.get(unit, unit), (None, None))
    return convert if known is variable else None


def units_of(variable: Variable) -> list[str]:
    """The units that a variable may be written in."""
    return [unit for unit, (known, _) in UNITS.items() if known is variable]
