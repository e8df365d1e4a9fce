"""How much of each series the limits of its source take away: values beyond `minimum` and `maximum`."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from dayahead.errors import DeadLetterCode
from dayahead.reading.records import Rejection
from dayahead.source import Source

LEAST_GIVEN = 24
"""Values that a warning is given of at least: a share of a few says nothing."""

WARNED_SHARE = 0.01
"""Share of the hours of a series from which on its limits are more likely wrong than its values."""


@dataclass(frozen=True)
class LimitLoss:
    """What the limits take from one series.

    Attributes:
        series_id: the series.
        outside: values beyond the limits.
        given: all values of the series, these included.
        extreme: the value that is farthest from 0 among them, in the unit of the source.
        source: whose limits they are.
    """

    series_id: str
    outside: int
    given: int
    extreme: float
    source: Source

    @property
    def share(self) -> float:
        """Share of the values that is lost."""
        return self.outside / self.given

    @property
    def is_too_much(self) -> bool:
        """Whether a person should look at the limits."""
        return self.share > WARNED_SHARE

    @property
    def is_warned(self) -> bool:
        """Whether it is too much of enough values to warn of."""
        return self.is_too_much and self.given >= LEAST_GIVEN

    def sentence(self) -> str:
        """Name the loss, and what to do where it is too much."""
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


def limit_losses(rejections: Iterable[Rejection], kept: Iterable[str], source: Source) -> list[LimitLoss]:
    """Add up what the limits took, the greatest share first.

    Args:
        rejections: of a conversion; those of other codes are left out.
        kept: series of each value that was kept.
        source: whose limits they are.
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
