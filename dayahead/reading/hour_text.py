"""Parses hours of the command line."""

from datetime import UTC, datetime

from dayahead.errors import SettingsError
from dayahead.hours import Hour, to_hour


def hour_of(text: str, option: str) -> Hour:
    """Parse an hour; without an offset it is UTC.

    Args:
        text: ISO 8601: 2023-01-24, 2023-01-24T22, 2023-01-24T22:00Z.
        option: name of the option, for the message.

    Raises:
        SettingsError: it is not a time, or not on the hour.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"{option} {text!r} is not an hour: write it like 2023-01-24T22 (UTC)") from error
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if moment.minute or moment.second or moment.microsecond:
        raise SettingsError(f"{option} {text!r} is not on the hour: write it like 2023-01-24T22 (UTC)")
    return to_hour(moment)
