"""Parses a request as the source's API does, with the same error messages."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from zoneinfo import ZoneInfo

import orjson

from dayahead.errors import DayaheadError
from dayahead.hours import HOUR_S, Hour
from dayahead.reading.record_table import Record

DEFAULT_LIMIT = 100
API_ZONE = ZoneInfo("Europe/Copenhagen")
FORMATS = {4: "%Y", 7: "%Y-%m", 10: "%Y-%m-%d", 16: "%Y-%m-%dT%H:%M"}
PARAMETERS = ("start", "end", "limit", "offset", "sort", "filter", "columns", "timezone")


class ApiError(DayaheadError):
    """An error response of the API."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Order:
    """One column to sort by."""

    column: str
    descending: bool


@dataclass(frozen=True)
class Query:
    """A request.

    Attributes:
        start: first hour; None for the start of the data.
        end: hour after the last; None for the newest.
        limit: maximum records; 0 for all.
        offset: records to skip.
        sort: as in the request, for the envelope.
        order: columns to sort by.
        filters: column -> allowed values.
        columns: columns of the answer; empty for all.
    """

    start: Hour | None
    end: Hour | None
    limit: int
    offset: int
    sort: str
    order: Sequence[Order]
    filters: Mapping[str, Sequence[str]]
    columns: Sequence[str]

    @classmethod
    def parse(cls, parameters: Mapping[str, str], columns: Sequence[str]) -> "Query":
        """Parse a query string.

        Args:
            parameters: of the request.
            columns: that the dataset has.

        Raises:
            ApiError: it is malformed: status 400.
        """
        if unknown := set(parameters) - set(PARAMETERS):
            raise _bad(f"unknown parameter {', '.join(sorted(unknown))}")
        in_utc = parameters.get("timezone", "dk").lower() == "utc"
        start, end = (_moment(name, parameters.get(name), in_utc) for name in ("start", "end"))
        given = parameters.get("limit")
        default = 0 if start is not None else DEFAULT_LIMIT
        sort = parameters.get("sort", "")
        return cls(
            start=start,
            end=end,
            limit=default if given is None else _number("limit", given),
            offset=_number("offset", parameters.get("offset", "0")),
            sort=sort,
            order=[_order(part, columns) for part in sort.split(",") if part.strip()],
            filters=_filters(parameters.get("filter"), columns),
            columns=[
                _column(name.strip(), columns) for name in parameters.get("columns", "").split(",") if name.strip()
            ],
        )

    def answer(self, records: Sequence[Record]) -> tuple[int, list[Record]]:
        """Filter, sort and page the records of the requested hours.

        Args:
            records: ascending by time.

        Returns:
            How many match, and those of the requested page.
        """
        found = [
            record
            for record in records
            if all(str(record[column]) in values for column, values in self.filters.items())
        ]
        if not self.order:
            found.reverse()  # newest first, as in the API
        for order in reversed(self.order):
            found.sort(
                key=lambda record: (record[order.column] is None, record[order.column]), reverse=order.descending
            )
        given = found[self.offset : self.offset + self.limit if self.limit else None]
        if self.columns:
            given = [{column: record[column] for column in self.columns} for record in given]
        return len(found), given


def _bad(message: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, message)


def _moment(name: str, text: str | None, in_utc: bool) -> Hour | None:
    if not text:
        return None
    form = FORMATS.get(len(text))
    try:
        if form is None:
            raise ValueError(text)  # noqa: TRY301 - one place says what is allowed
        moment = datetime.strptime(text, form).replace(tzinfo=UTC if in_utc else API_ZONE)
    except ValueError:
        raise _bad(f"{name} {text!r} is malformed: use yyyy, yyyy-MM, yyyy-MM-dd or yyyy-MM-ddTHH:mm") from None
    return -int(-moment.timestamp() // HOUR_S)  # a start within an hour excludes that hour


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text):
        raise _bad(f"{name} {text!r} is not a number")
    return int(text)


def _column(name: str, columns: Sequence[str]) -> str:
    if name not in columns:
        raise _bad(f"unknown column {name!r}: the dataset has {', '.join(columns)}")
    return name


def _order(part: str, columns: Sequence[str]) -> Order:
    name, _, direction = part.strip().partition(" ")
    if direction.strip().lower() not in ("", "asc", "desc"):
        raise _bad(f"sort {part.strip()!r} is malformed: use column asc or column desc")
    return Order(_column(name, columns), direction.strip().lower() == "desc")


def _filters(text: str | None, columns: Sequence[str]) -> Mapping[str, Sequence[str]]:
    if not text:
        return {}
    try:
        wanted = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _bad(f"filter is not JSON: {error}") from None
    if not isinstance(wanted, dict):
        raise _bad('filter must be an object like {"PriceArea":["DK1"]}')
    return {
        _column(name, columns): [str(value) for value in (values if isinstance(values, list) else [values])]
        for name, values in wanted.items()
    }
