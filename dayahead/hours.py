"""Time inside Dayahead: whole hours since 1970-01-01T00:00Z, named by their start.

Source time zones, half hours and 23- or 25-hour days end where a source is read (dayahead/source.py); from there on
an hour is one integer and differences are plain subtraction.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Hour = int
"""Whole hours since 1970-01-01T00:00Z: the start of the hour that a value is for."""

Clock = Callable[[], datetime]
"""The present moment (aware, UTC). Passed in: nothing below an entry point reads the wall clock."""

HOUR_S = 3600
HOUR_US = HOUR_S * 1_000_000

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def wall_clock() -> datetime:
    """The machine's clock, for entry points."""
    return datetime.now(UTC)


def to_hour(moment: datetime) -> Hour:
    """The hour that holds an aware moment.

    Raises:
        ValueError: the moment is naive, so its hour is not known.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone: give it one, e.g. {moment.isoformat()}Z")
    return int(moment.timestamp() // HOUR_S)


def from_hour(hour: Hour) -> datetime:
    """The aware UTC moment at which an hour starts."""
    return datetime.fromtimestamp(int(hour) * HOUR_S, UTC)


def to_microseconds(moment: datetime) -> int:
    """Microseconds from 1970-01-01T00Z to an aware moment, exactly: what arrays hold and what PostgreSQL keeps."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_microseconds(microseconds: int) -> datetime:
    """The aware UTC moment that many microseconds after 1970-01-01T00Z."""
    return EPOCH + timedelta(microseconds=int(microseconds))


def parse_utc(text: str) -> datetime:
    """An ISO 8601 moment with an offset or Z, as UTC.

    Raises:
        ValueError: it is no ISO 8601 moment, or it has no offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset: write it as UTC, e.g. {text}Z")
    return moment.astimezone(UTC)


def format_utc(moment: datetime) -> str:
    """ISO 8601 in UTC with Z, to the second, or to the microsecond where there is one."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
