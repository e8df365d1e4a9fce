"""What a row must be, whichever way it arrives: by the poller, a backfill, the topic `observations` or the API.

A rule compares a row with the settings of its source and with the moment at which it became known, never with the clock
of the reader: a log that is read again rejects the same rows.
"""

import math
import re
from collections.abc import Hashable, Iterable, Sequence
from datetime import UTC, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import ABSURD_MAGNITUDE
from dayahead.errors import ContractError, DeadLetterCode
from dayahead.hours import HOUR_US, Hour, format_utc, from_microseconds, to_hour, to_microseconds
from dayahead.series import check_series_id, labels_of
from dayahead.source import Source

SHOWN = 80
CLOCK_TOLERANCE = timedelta(minutes=10)
"""How far the clock of a publisher may run ahead of the broker's."""


class RowRules:
    """The rules of one source.

    Attributes:
        source: whose rows are judged.
        low: least value of an hour, in the unit of the source.
        high: greatest value of an hour.
        oldest: first hour that is accepted.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.low = max(-ABSURD_MAGNITUDE, -math.inf if source.minimum is None else source.minimum)
        self.high = min(ABSURD_MAGNITUDE, math.inf if source.maximum is None else source.maximum)
        self.oldest: Hour = to_hour(datetime.combine(source.oldest, time(), UTC))
        self._allowed = {label: frozenset(values) for label, values in source.allowed_labels.items()}
        self._patterns = {label: re.compile(pattern) for label, pattern in source.label_patterns.items()}

    def check_series(self, series_id: str) -> None:
        """Refuse a series that the source cannot have.

        Raises:
            ContractError: the number of labels, a label's value or the id itself does not fit the source.
        """
        check_series_id(series_id)
        for name, label in labels_of(series_id, self.source.label_names).items():
            if not label.isprintable():
                raise ContractError(
                    DeadLetterCode.BAD_SERIES_ID, f"series_id {series_id!r} has an unprintable character in a label"
                )
            if (allowed := self._allowed.get(name)) is not None and label not in allowed:
                raise ContractError(
                    DeadLetterCode.UNKNOWN_LABEL,
                    f"series {series_id!r}: {name} {label!r} is none of those that source {self.source.name} has: "
                    f"{_listed(allowed)}; add it to label_values if it is meant",
                )
            if (pattern := self._patterns.get(name)) is not None and not pattern.fullmatch(label):
                raise ContractError(
                    DeadLetterCode.UNKNOWN_LABEL,
                    f"series {series_id!r}: {name} {label!r} does not match label_patterns {pattern.pattern!r} of "
                    f"source {self.source.name}",
                )

    def check_value(self, value: float, what: str = "the value") -> None:
        """Refuse a value beyond the limits of the source.

        Raises:
            ContractError: it is below `minimum` or above `maximum`.
        """
        if not self.low <= value <= self.high:
            raise ContractError(
                DeadLetterCode.ABSURD_VALUE,
                f"{what} is {value!r} {self.source.unit}, source {self.source.name} allows {self.low:g} to "
                f"{self.high:g} (minimum, maximum)",
            )

    def check_start(self, start_us: int, written: object) -> None:
        """Refuse a period before the first one that the source can have.

        Args:
            start_us: start of the period, microseconds since 1970.
            written: the same as its sender wrote it.

        Raises:
            ContractError: it is before `oldest`.
        """
        if start_us < self.oldest * HOUR_US:
            raise ContractError(
                DeadLetterCode.BEFORE_OLDEST,
                f"{written} is before {self.source.oldest}, the oldest day of source {self.source.name} (oldest)",
            )

    def suspects(self, hours: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Places of the rows that `check_start` or `check_value` refuses."""
        fit = (hours >= self.oldest) & (values >= self.low) & (values <= self.high)
        return np.flatnonzero(~fit)


def number_of(value: object, what: str = "the value") -> float:
    """A value as a number.

    Raises:
        ContractError: it is missing, no number, or so great that no series can have it.
    """
    if value is None:
        raise ContractError(DeadLetterCode.NULL_VALUE, f"{what} is null")
    if isinstance(value, bool) or not isinstance(value, float | int):
        raise ContractError(DeadLetterCode.NOT_A_NUMBER, f"{what} is no number: {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isnan(number):
        raise ContractError(DeadLetterCode.NOT_A_NUMBER, f"{what} is not a number (NaN)")
    if not abs(number) < ABSURD_MAGNITUDE:
        raise ContractError(
            DeadLetterCode.ABSURD_VALUE, f"{what} is {shown(value)}, beyond what any series can have in an hour"
        )
    return number


def check_known(start_us: int, known_us: int, written: object) -> None:
    """Refuse a value of a period that had not begun when it became known.

    Args:
        start_us: start of the period, microseconds since 1970.
        known_us: when the value was published or received.
        written: the start as its sender wrote it.

    Raises:
        ContractError: the period starts later.
    """
    if start_us > known_us:
        raise ContractError(
            DeadLetterCode.FUTURE_HOUR,
            f"{written} had not begun when its value became known, at {format_utc(from_microseconds(known_us))}",
        )


def check_published(available_at: datetime, received_us: int) -> None:
    """Refuse rows that claim to be published later than they arrived.

    Args:
        available_at: when the source published them, as the sender says.
        received_us: when the broker took the message, microseconds since 1970.

    Raises:
        ContractError: it is more than ten minutes later.
    """
    received = from_microseconds(received_us)
    if to_microseconds(available_at) > to_microseconds(received + CLOCK_TOLERANCE):
        raise ContractError(
            DeadLetterCode.FUTURE_PUBLICATION,
            f"available_at {format_utc(available_at)} is later than {format_utc(received)}, when the message arrived: "
            "check the clock of the sender",
        )


def contradicted(places: Iterable[Hashable], values: Sequence[float]) -> dict[int, float]:
    """Find values that contradict another one of the same message or answer: neither of the two is believed.

    Args:
        places: series and period of each value.
        values: the values, in the same order.

    Returns:
        Index of each value that is contradicted -> a value that contradicts it.
    """
    first: dict[Hashable, int] = {}
    found: dict[int, float] = {}
    repeated: list[tuple[int, int]] = []
    for index, place in enumerate(places):
        known = first.setdefault(place, index)
        if known != index:
            repeated.append((known, index))
            if values[known] != values[index]:
                found.setdefault(known, values[index])
    for known, index in repeated:
        if known in found:
            found[index] = values[known] if values[known] != values[index] else found[known]
    return found


def contradiction(series_id: str, value: float, other: float) -> ContractError:
    """The error of a value that another one contradicts."""
    return ContractError(
        DeadLetterCode.CONTRADICTION, f"{series_id} has two values for one hour: {value!r} and {other!r}"
    )


def foreign_series(series_id: str, source: str) -> ContractError:
    """The error of a row whose series belongs to another source than the one that sends it."""
    return ContractError(
        DeadLetterCode.BAD_SERIES_ID,
        f"series {series_id!r} belongs to another source than {source}: give it other labels",
    )


def unknown_source(name: str) -> ContractError:
    """The error of rows of a source that is not registered."""
    return ContractError(
        DeadLetterCode.UNKNOWN_SOURCE,
        f"no source {name[:60]!r} is registered: write a source file (docs/sources.md), register it with "
        "`dayahead sources register FILE`, then send this again",
    )


def shown(value: object) -> str:
    """A value for a message, cut to a readable length."""
    try:
        text = repr(value)
    except RecursionError:
        return f"a deeply nested {type(value).__name__}"
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _listed(values: Iterable[str]) -> str:
    return shown(", ".join(sorted(values))).strip("'")
