"""Dead letters of records that the poller, a backfill or the poller of references rejected."""

from collections.abc import Iterable
from datetime import datetime

from dayahead.dead_letters import DeadLetter
from dayahead.reading.records import Rejection

STAGE = "ingest"


def letters_of(rejections: Iterable[Rejection], time: datetime, source: str) -> list[DeadLetter]:
    """The dead letter of each rejected record.

    Args:
        rejections: of one answer or file.
        time: when they were found.
        source: its name.
    """
    return [
        DeadLetter(one.raw(), one.code, one.reason, STAGE, time, source, series_id=one.series_id) for one in rejections
    ]
