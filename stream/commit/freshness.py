"""How soon an hour that has reached the log is forecast: the objective of freshness, and the whole distribution."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from prometheus_client import Counter, Histogram

from dayahead.hours import to_microseconds
from stream.intake.decode import DecodedMessage
from stream.servers.log_reader import LogMessage

SECONDS = Histogram(
    "dayahead_freshness_seconds",
    "Seconds from the arrival of a message of new hours in Kafka until what was made of it is committed and sent",
    buckets=(0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 300, 1800, 7200),
)
HOURS = Counter(
    "dayahead_freshness_hours_total",
    "Hours that were to be forecast at once, by whether that took longer than DAYAHEAD_FRESH_WITHIN_S",
    ["outcome"],
)
IN_TIME, LATE = (HOURS.labels(outcome) for outcome in ("in_time", "late"))


def count(
    decoded: Sequence[DecodedMessage], messages: Mapping[int, LogMessage], now: datetime, within_s: float
) -> None:
    """Count messages that have been processed; history, which asks for no forecasts, does not count.

    Args:
        decoded: the messages.
        messages: as they stand in the log, by offset.
        now: when the last of them was done.
        within_s: the objective, in seconds.
    """
    now_us = to_microseconds(now)
    for one in decoded:
        received_us = messages[one.offset].received_us
        if not one.refresh or not one.hours or received_us is None:
            continue
        seconds = max(now_us - received_us, 0) / 1e6
        SECONDS.observe(seconds)
        (IN_TIME if seconds <= within_s else LATE).inc(len(one.hours))
