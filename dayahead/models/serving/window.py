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
class WindowBatch:
    """The windows of some series of one source.

    Attributes:
        values: float64 [n, 912], in the unit of the series, NaN where an hour is missing; column 911 is the origin.
        origin: int64 [n], the hour of the last column.
        calendar: of the source that all series of the batch belong to.
        leads: hours after the origin that are wanted, 24 to 408.

    Raises:
        ValueError: an array has another shape, or the leads are out of range.
    """

    values: NDArray[np.float64]
    origin: NDArray[np.int64]
    calendar: Calendar
    leads: int = LEAST_LEADS

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != WINDOW_HOURS:
            raise ValueError(f"values must have the shape [n, {WINDOW_HOURS}], not {list(self.values.shape)}")
        if self.origin.shape != (self.values.shape[0],):
            raise ValueError(f"origin must have the shape [{self.values.shape[0]}], not {list(self.origin.shape)}")
        if not LEAST_LEADS <= self.leads <= MAX_LEADS:
            raise ValueError(f"leads must be {LEAST_LEADS} to {MAX_LEADS}, not {self.leads}")

    def __len__(self) -> int:
        return len(self.origin)
