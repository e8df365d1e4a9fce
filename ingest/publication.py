"""When rows were published: on receipt for the poller, by the publisher's rule for history (docs/decisions/0013)."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from dayahead.grouping import grouped
from dayahead.hours import Hour, from_hour
from dayahead.publisher import Publication
from dayahead.reading.records import Row
from dayahead.source import Source


def publications_of_history(
    rows: Iterable[Row], known: Mapping[tuple[str, Hour], float], source: Source, now: datetime
) -> list[Publication]:
    """Set `available_at` of past rows to when their source published them, as a read as of a past moment needs.

    Hours that are published together share a moment: that of the last hour of their publication interval, plus the
    publication lag, and never later than now. A row that differs from the stored value is a revision, which
    was not known before.

    Args:
        rows: of one source, in any order.
        known: the stored values of these hours.
        source: its publication interval and lag.
        now: the present moment.

    Returns:
        Oldest first; the revisions, if there are any, last.
    """
    interval_h = max(1, int(source.publication_interval_h))

    def is_revision(row: Row) -> bool:
        return known.get((row.series_id, row.hour), row.value) != row.value

    rows = list(rows)
    revisions = [row for row in rows if is_revision(row)]
    together = grouped((row.hour // interval_h, row) for row in rows if not is_revision(row))
    dated = [
        Publication(min(now, from_hour((number + 1) * interval_h - 1) + source.publication_lag), members)
        for number, members in sorted(together.items())
    ]
    return [*dated, Publication(now, revisions)] if revisions else dated
