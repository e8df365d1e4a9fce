"""Values of each series rejected by the limits of its source: outside `minimum` and `maximum`."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dayahead.errors import DeadLetterCode
from dayahead.source import Source

if TYPE_CHECKING:
    # the worker warns of losses, and its image has no PyArrow, by which records are read
    from dayahead.reading.records import Rejection

LEAST_GIVEN = 24
"""Minimum number of values for a warning: a share of a few is meaningless."""

WARNED_SHARE = 0.01
"""Share of rejected values above which the limits are more likely wrong than the values."""


@dataclass(frozen=True)
class LimitLoss:
    """The values of one series that the limits reject.

    Attributes:
        series_id: the series.
        outside: number of values outside the limits.
        given: number of all values of the series.
        extreme: the rejected value farthest from 0, in the unit of the source.
        source: whose limits apply.
    """

    series_id: str
    outside: int
    given: int
    extreme: float
    source: Source

    @property
    def share(self) -> float:
        """Share of rejected values."""
        return self.outside / self.given

    @property
    def is_too_much(self) -> bool:
        """Whether the limits should be checked."""
        return self.share > WARNED_SHARE

    @property
    def is_warned(self) -> bool:
        """Whether to warn: too large a share of enough values."""
        return self.is_too_much and self.given >= LEAST_GIVEN

    def sentence(self) -> str:
        """Describe the loss, and the remedy if it is too much."""
        source = self.source
        lost = (
            f"{self.series_id} loses {self.share:.1%} of its values ({self.outside:,} of {self.given:,}) to the limits "
            f"of source {source.name}: up to {self.extreme:,.6g} {source.unit}"
        )
        if not self.is_too_much:
            return lost
        too_high = source.maximum is not None and self.extreme > source.maximum
        setting, limit = ("maximum", source.maximum) if too_high else ("minimum", source.minimum)
        return f"{lost}; check `{setting}: {limit:g}` in the source file" if limit is not None else lost


def limit_losses(rejections: "Iterable[Rejection]", kept: Iterable[str], source: Source) -> list[LimitLoss]:
    """Count the rejected values by series, largest share first.

    Args:
        rejections: of a conversion; other codes are ignored.
        kept: series of each accepted value.
        source: whose limits apply.
    """
    extremes: dict[str, float] = {}
    outside: Counter[str] = Counter()
    for rejection in rejections:
        if rejection.code is DeadLetterCode.ABSURD_VALUE and rejection.value is not None:
            outside[rejection.series_id] += 1
            extremes[rejection.series_id] = max(extremes.get(rejection.series_id, 0.0), rejection.value, key=abs)
    if not outside:
        return []
    inside = Counter(series_id for series_id in kept if series_id in outside)
    losses = [
        LimitLoss(series_id, count, count + inside[series_id], extremes[series_id], source)
        for series_id, count in outside.items()
    ]
    return sorted(losses, key=lambda loss: (-loss.share, loss.series_id))
