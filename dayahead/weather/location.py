"""The temperature of one location at past origins: what a place of a `WeatherHistory` is a mean of."""

import hashlib
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from dayahead.hours import Hour
from dayahead.models.serving.window import WINDOW_HOURS


class LocationWeather(ABC):
    """What was known of the temperature of one location at each origin."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hex digits of the content."""

    @abstractmethod
    def temperatures(self, origins: NDArray[np.int64], leads: int) -> NDArray[np.float32]:
        """What was known at each origin; a pure function of its arguments.

        Args:
            origins: int64 [n], hours, in any order.
            leads: hours after the origin.

        Returns:
            float32 [n, 912 + leads], degrees Celsius of the hours origin - 911 to origin + leads, NaN where unknown.
        """

    def stale(self, origins: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the newest run was too old to be used at each origin; bool [n]."""
        return np.zeros(len(origins), np.bool_)


class ObservedLocation(LocationWeather):
    """Observed weather, also of the hours after an origin: a forecast without any error."""

    def __init__(self, values: NDArray[np.float32], start: Hour) -> None:
        """Keep the hours.

        Args:
            values: float32 [hours], degrees Celsius, NaN where an hour is missing.
            start: hour of the first value.
        """
        self.values, self.start = np.ascontiguousarray(values, np.float32), start

    @property
    def end(self) -> Hour:
        """The hour after the last value."""
        return self.start + len(self.values)

    @property
    def fingerprint(self) -> str:
        """Hex digits of the hours."""
        digest = hashlib.sha256(b"observed")
        digest.update(np.array([self.start], "<i8").tobytes() + self.values.astype("<f4").tobytes())
        return digest.hexdigest()[:16]

    def temperatures(self, origins: NDArray[np.int64], leads: int) -> NDArray[np.float32]:
        """The observed hours around each origin."""
        hours = WINDOW_HOURS + leads
        if not len(origins):
            return np.empty((0, hours), np.float32)
        first = origins - (WINDOW_HOURS - 1)
        if self.start <= first.min() and first.max() + hours <= self.end:
            return np.asarray(np.lib.stride_tricks.sliding_window_view(self.values, hours)[first - self.start])
        low, high = int(min(first.min(), self.start)), int(max(first.max() + hours, self.end))
        padded = np.full(high - low, np.nan, np.float32)
        padded[self.start - low : self.end - low] = self.values
        return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, hours)[first - low])
