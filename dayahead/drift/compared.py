"""What a series was like before a drift and is since, in numbers that a person knows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import DriftKind
from dayahead.drift.days import BACK_DAYS, DAY_H, Days
from dayahead.hours import Hour

MEASURES = ("error", "level", "spread", "pattern")

REFERENCE_DAYS = 25
TESTED_DAYS = 3
AFTER_DAYS = 7

BEFORE_H = (REFERENCE_DAYS + TESTED_DAYS - 1 + BACK_DAYS) * DAY_H
AFTER_H = AFTER_DAYS * DAY_H
"""Hours of values that `compare` reads before and from the day of a drift on."""


@dataclass(frozen=True)
class BeforeAfter:
    """A quantity before and after a drift.

    Attributes:
        before: mean of the days of the reference; None where none is known.
        after: mean of up to a week from the day of the drift on.
        is_share: whether both are shares, not in the unit of the series.
    """

    before: float | None
    after: float | None
    is_share: bool


def measure_of(detector: str) -> str:
    """What a detector watches: `error`, `level`, `spread` or `pattern`; empty for a detector that does not say."""
    _, _, rest = detector.partition(":")
    return rest.split(":")[0]


def first_hour(hour: Hour) -> Hour:
    """The first hour of the day (UTC) in which a drift was found."""
    return hour - hour % DAY_H


def compare(
    kind: DriftKind, measure: str, hour: Hour, hours: NDArray[np.int64], values: NDArray[np.float64]
) -> BeforeAfter:
    """Compare the days before a drift with those after it.

    Args:
        kind: of drift.
        measure: `error`, `level`, `spread` or `pattern`.
        hour: at which the drift was found.
        hours: int64 [n], rising, from BEFORE_H before the day of the drift on.
        values: float64 [n]: |error| / |actual| by origin, or what was observed, in the unit of the series.

    Returns:
        Error: |error| / |actual|. Level: mean |value| of an hour. Spread: mean distance of the hours of a day to their
        mean, as a share of the level. Pattern: correlation with the mean day of three weeks.
    """
    day = first_hour(hour)
    if kind is DriftKind.CONCEPT:
        by_hour = values
    else:
        days = Days.of(hours, values)
        hours = days.hours
        by_hour = 1.0 - days.pattern if measure == "pattern" else np.exp(getattr(days, measure))
    tested = day - (TESTED_DAYS - 1) * DAY_H
    before = (hours >= tested - REFERENCE_DAYS * DAY_H) & (hours < tested)
    after = (hours >= day) & (hours < day + AFTER_H)
    return BeforeAfter(_mean(by_hour[before]), _mean(by_hour[after]), measure != "level")


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
