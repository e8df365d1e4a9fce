"""Cuts a micro-batch into rounds, which give the same result as one message after the other.

A message changes the windows of its series, which are then forecast and scored. Series are independent, so the first
messages of all series are processed together, then the second messages, and so on: a round holds at most one message
of a series. How the log is cut into batches changes the rounds, not the results.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.partition.rows import Rows


@dataclass(frozen=True)
class Round:
    """At most one message of each series.

    Attributes:
        rows: int64 [r], indices of the rows that change a window, in the order of the log.
        series: int64 [n], indices of the touched series, ascending, each once.
        message: int64 [n], index of the message that touches each of them.
        refresh: bool [n], whether that message asks for a forecast.
    """

    rows: NDArray[np.int64]
    series: NDArray[np.int64]
    message: NDArray[np.int64]
    refresh: NDArray[np.bool_]


def rounds_of(rows: Rows, changed: NDArray[np.bool_]) -> list[Round]:
    """Cut a batch into rounds.

    Args:
        rows: the rows of the batch in the order of the log.
        changed: bool [r], rows that change the current value of their hour; the others touch nothing.
    """
    chosen = np.flatnonzero(changed)
    if not len(chosen):
        return []
    order = chosen[np.argsort(rows.series[chosen], kind="stable")]
    series, message = rows.series[order], rows.message[order]
    new_series = np.r_[True, series[1:] != series[:-1]]
    new_touch = new_series | np.r_[True, message[1:] != message[:-1]]
    touch = np.cumsum(new_touch) - 1
    first_touch = np.maximum.accumulate(np.where(new_series, touch, 0))
    number = touch - first_touch
    rounds = []
    for current in range(int(number.max()) + 1):
        here = number == current
        starts = here & new_touch
        rounds.append(
            Round(order[here], series[starts], message[starts], rows.refresh[order[starts]]),
        )
    return rounds
