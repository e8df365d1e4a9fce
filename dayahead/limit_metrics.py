"""What services count and log of values beyond the limits of their sources."""

from collections.abc import Sequence

import structlog
from prometheus_client import Counter, Gauge

from dayahead.reading.limits import LimitLoss

log = structlog.get_logger()

LOST_VALUES = Counter(
    "dayahead_values_beyond_limits_total",
    "Values that minimum and maximum of a source rejected; the poller counts each once",
    ["source"],
)
LOSING_SERIES = Gauge(
    "dayahead_series_losing_values",
    "Series that lost more than 1 % of the values of their last week to minimum and maximum of the source",
    ["source"],
)


class LossWarnings:
    """The losing series of one source: counts them, and logs each once until it loses no more."""

    def __init__(self, source: str) -> None:
        """Start without a loss.

        Args:
            source: name of the source.
        """
        self._source = source
        self._warned: set[str] = set()

    def show(self, losses: Sequence[LimitLoss]) -> None:
        """Bring the gauge up to date.

        Args:
            losses: of the series of the source, all of them.
        """
        losing = {loss.series_id: loss for loss in losses if loss.is_warned}
        LOSING_SERIES.labels(self._source).set(len(losing))
        for name in sorted(losing.keys() - self._warned):
            log.warning(
                "values_beyond_limits",
                source=self._source,
                series_id=name,
                share=round(losing[name].share, 4),
                what=losing[name].sentence(),
            )
        self._warned = set(losing)
