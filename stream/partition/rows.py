"""The rows of a micro-batch, side by side, in the order of the log."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Outcome(StrEnum):
    """What became of a row; label of `dayahead_rows_total`."""

    NEW = "new"
    REVISED = "revised"
    UNCHANGED = "unchanged"
    DEAD_LETTER = "dead_letter"
    TOO_OLD = "too_old"


class Unforecast(StrEnum):
    """Why a new hour has no forecast that starts from it; label of `dayahead_origins_without_forecast_total`."""

    TOGETHER = "together"
    LATE = "late"
    NO_REFRESH = "no_refresh"


@dataclass(frozen=True)
class Rows:
    """Valid rows of known series, in the order of the log.

    Attributes:
        message: int64 [r], index of the message in the batch, ascending.
        series: int64 [r], index of the series in the state of the partition.
        hour: int64 [r], start of the hour.
        value: float64 [r], in the unit of the series.
        available_us: int64 [r], when the source published the value, microseconds since 1970.
        refresh: bool [r], whether the row's message asks for a forecast.
    """

    message: NDArray[np.int64]
    series: NDArray[np.int64]
    hour: NDArray[np.int64]
    value: NDArray[np.float64]
    available_us: NDArray[np.int64]
    refresh: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.message)
