"""Reads rows `[series_id, valid_time, value]` as messages of `observations` and the API hold them.

Stricter than pydantic's lax reading of the same contract (dayahead.contracts.ObservationBatch): a text is no number.
"""

from datetime import datetime
from typing import Any

from dayahead.errors import ContractError, DeadLetterCode
from dayahead.hours import HOUR_US, Hour, parse_utc, to_hour
from dayahead.rules import SHOWN, check_known, number_of, shown

REMEMBERED_TIMES = 100_000


class RowReader:
    """Remembers the texts of hours that it has read, since messages repeat them."""

    def __init__(self) -> None:
        self._hours: dict[str, Hour] = {}

    def read(self, row: Any, available_us: int) -> tuple[str, Hour, float]:
        """Read one row.

        Args:
            row: as JSON gives it.
            available_us: when its source published it, microseconds since 1970.

        Returns:
            Series, hour and value.

        Raises:
            ContractError: it breaks the contract, whatever its source is.
        """
        if not isinstance(row, list) or len(row) != 3:
            raise ContractError(
                DeadLetterCode.BAD_ROW, f"a row is [series_id, valid_time, value], this one {shown(row)}"
            )
        series_id, time, value = row
        if not isinstance(series_id, str):
            raise ContractError(DeadLetterCode.BAD_SERIES_ID, f"a series_id is a text, this one {shown(series_id)}")
        hour = self.hour(time)
        check_known(hour * HOUR_US, available_us, time)
        return series_id, hour, number_of(value)

    def hour(self, text: Any) -> Hour:
        """The hour that a `valid_time` names.

        Raises:
            ContractError: it is no moment, or not the start of an hour.
        """
        if isinstance(text, str) and (known := self._hours.get(text)) is not None:
            return known
        moment = moment_of(text, "valid_time")
        if moment.minute or moment.second or moment.microsecond:
            raise ContractError(DeadLetterCode.NOT_ON_THE_HOUR, f"valid_time {text!r} is not the start of an hour")
        hour = to_hour(moment)
        if len(self._hours) >= REMEMBERED_TIMES:
            self._hours.clear()
        self._hours[text] = hour
        return hour


def moment_of(text: Any, name: str) -> datetime:
    """A moment in ISO 8601 with an offset.

    Raises:
        ContractError: it is none.
    """
    if not isinstance(text, str):
        raise ContractError(DeadLetterCode.BAD_TIME, f"{name} is a text like 2023-01-24T22:00:00Z, not {shown(text)}")
    try:
        return parse_utc(text)
    except (ValueError, OverflowError) as error:
        raise ContractError(DeadLetterCode.BAD_TIME, f"{name} {text[:SHOWN]!r}: {str(error)[:SHOWN]}") from error
