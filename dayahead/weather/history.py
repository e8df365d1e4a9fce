"""The weather of the series of a history as it was known at past origins: what a release is fitted on."""

from abc import ABC, abstractmethod
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class WeatherBasis(StrEnum):
    """What the hours after a past origin are."""

    RUNS = "runs"
    """Archived runs, as of the origin: what service would have known."""

    SIMULATED = "simulated"
    """Observed weather with simulated errors of a forecast."""

    OBSERVED = "observed"
    """Observed weather, which is unknown at the origin: figures measured with it flatter."""


class WeatherHistory(ABC):
    """The temperature of some places at past origins, and the place of each series of a history.

    Attributes:
        basis: what the hours after an origin are.
        place_of: int64 [series], number of the place of each series, -1 for a series without one.
    """

    basis: WeatherBasis
    place_of: NDArray[np.int64]

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hex digits of the content, the same for the same weather of the same series."""

    @abstractmethod
    def temperatures(self, place: int, origins: NDArray[np.int64], leads: int) -> NDArray[np.float32]:
        """What was known of a place at each origin; a pure function of its arguments.

        Args:
            place: number of the place.
            origins: int64 [n], hours, in any order.
            leads: hours after the origin.

        Returns:
            float32 [n, 912 + leads], degrees Celsius of the hours origin - 911 to origin + leads, NaN where nothing
            was known.
        """

    def stale(self, place: int, origins: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the newest run was too old to be used; bool [n]. Never, unless an archive of runs says otherwise."""
        return np.zeros(len(origins), np.bool_)
