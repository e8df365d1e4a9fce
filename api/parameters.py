"""Parameters that several resources take, checked in one place."""

import difflib
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated
from urllib.parse import unquote

import psycopg
from fastapi import Depends, Query, Request
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from starlette.types import Scope

from api.problems import unknown_area, unknown_gate, unknown_series
from dayahead.errors import ContractError
from dayahead.hours import format_utc, parse_utc
from dayahead.series import series_id_of
from dayahead.source import GATE
from dayahead.storage.tables.day_ahead import newest_product
from dayahead.storage.tables.series import NamedSeries, area_has_series, areas, first_ids, first_known, known_ids
from dayahead.storage.tables.source import load_sources

MAX_CLOSE_MATCHES = 5
MAX_IDS_COMPARED = 20_000

PLAIN = re.compile(r"[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*")
"""A series_id that can be written in one way only."""

EXAMPLE = "2023-01-24T22:00:00Z"
FIRST_YEAR, LAST_YEAR = 1900, 2199
"""Moments beyond are slips of the pen, and the ends of the calendar have no hour before or after them."""
MOMENT_PATTERN = (
    r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""RFC 3339 in those years, for OpenAPI."""
DAY_PATTERN = r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
NO_NUL = r"^[^\u0000]*$"
"""Texts without the character that PostgreSQL cannot hold, for OpenAPI."""


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("it has the character NUL, which no name in the database can have: leave it out")
    return text


Text = Annotated[str, AfterValidator(_without_nul), Field(json_schema_extra={"pattern": NO_NUL})]
"""A text that a caller gives."""


def moment_of(value: object) -> datetime:
    """Read a moment that a caller gives.

    Raises:
        ValueError: it is none, with the form that is allowed.
    """
    if isinstance(value, datetime):
        return value
    try:
        moment = parse_utc(str(value))
    except (ValueError, OverflowError) as error:
        hint = " (a + in a URL is written %2B)" if " " in str(value) else ""
        raise ValueError(
            f"{value!r} is no moment with an offset: write ISO 8601 in UTC, like {EXAMPLE}{hint}"
        ) from error
    # The year as it was written: an offset may move the moment over the edge, where there is still room.
    if not str(FIRST_YEAR) <= str(value).strip()[:4] <= str(LAST_YEAR):
        raise ValueError(f"{value!r} is not in the years {FIRST_YEAR} to {LAST_YEAR}: write it like {EXAMPLE}")
    return moment


Moment = Annotated[
    datetime,
    BeforeValidator(moment_of),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "pattern": MOMENT_PATTERN, "examples": [EXAMPLE]}, mode="validation"
    ),
]
"""A moment that a caller gives: ISO 8601 with an offset."""

Utc = Annotated[
    datetime,
    PlainSerializer(format_utc, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment that the API gives: UTC with Z."""

Area = Annotated[
    Text | None,
    Query(description="Only series of this area (the first label of a series_id); 404 where no series has it"),
]
AsOf = Annotated[
    Moment | None, Query(description="Answer with what was known at this moment, UTC; without it, with what is now")
]
Cursor = Annotated[Text | None, Query(description="`next_cursor` of the page before; leave out for the first page")]


def _calendar_day(value: object) -> date:
    if isinstance(value, date):
        return value
    try:
        day = date.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError(f"{value!r} is no day: write it like 2023-01-25") from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"{value!r} is not in the years {FIRST_YEAR} to {LAST_YEAR}")
    return day


def _gate_time(text: str) -> str:
    if not GATE.fullmatch(text):
        raise ValueError(f"{text!r} is no time of day: write HH:MM, like 11:00")
    return text


CalendarDay = Annotated[
    Annotated[
        date,
        BeforeValidator(_calendar_day),
        WithJsonSchema({"type": "string", "format": "date", "pattern": DAY_PATTERN, "examples": ["2023-01-25"]}),
    ]
    | None,
    Query(description="Day of the calendar in the time zone of the source; without it, the newest"),
]
"""A day that a caller gives."""

GateTime = Annotated[
    Annotated[
        str,
        AfterValidator(_gate_time),
        WithJsonSchema({"type": "string", "pattern": f"^{GATE.pattern}$", "examples": ["11:00"]}),
    ]
    | None,
    Query(description="Gate of the source, its local time of day as HH:MM; 404 where no source has it"),
]
"""A gate that a caller names."""


def check_gate(connection: psycopg.Connection, gate: str | None) -> None:
    """Refuse a gate that no source has and no product was kept at; None is any gate.

    Raises:
        Problem: the gates that there are are named.
    """
    if gate is not None:
        known = {one for registered in load_sources(connection).values() for one in registered.source.gates}
        if gate not in known and newest_product(connection, None, None, gate) is None:
            raise unknown_gate(gate, sorted(known))


def series_ids_of(scope: Scope, prefix: str, ending: str = "") -> list[str]:
    """What the caller may mean by the path: the series_id as it stands, or as a text that a client encoded.

    In the decoded path, a label with a slash looks like two labels, so the raw path is read.

    Args:
        scope: of the request.
        prefix: the path before the series_id.
        ending: the path after it.

    Returns:
        The ids, the likeliest first.
    """
    raw = scope.get("raw_path", b"").decode("ascii", "replace")
    if not raw.startswith(prefix):
        return [scope["path"].removeprefix(prefix).removesuffix(ending)]
    written = raw[len(prefix) :].removesuffix(ending)
    if PLAIN.fullmatch(written):
        return [written]
    candidates = []
    # An empty or overlong label: no series has it, and the path as it was decoded says so by name.
    with suppress(ContractError):
        candidates.append(series_id_of(unquote(part) for part in written.split("/")))
    return list(dict.fromkeys([*candidates, unquote(written)]))


def _series_ids(request: Request, series_id: Text) -> list[str]:
    before, _, rest = request.scope["route"].path_format.partition("{series_id")
    return series_ids_of(request.scope, before.format(**request.path_params), rest.partition("}")[2])


SeriesIds = Annotated[list[str], Depends(_series_ids)]
"""The ids that the path of a request may stand for, likeliest first."""


def series_key_of(connection: psycopg.Connection, series_ids: list[str]) -> NamedSeries:
    """Key, id and unit of the series that a request names.

    Raises:
        Problem: no series has the id; close matches are named.
    """
    found = first_known(connection, series_ids)
    if found is None:
        raise unknown_series(series_ids[-1], _close_series(connection, series_ids[-1]))
    return found


def check_series(connection: psycopg.Connection, series_ids: list[str]) -> None:
    """Refuse ids that no series has.

    Raises:
        Problem: for the first of them; close matches are named.
    """
    known = known_ids(connection, series_ids)
    for series_id in series_ids:
        if series_id not in known:
            raise unknown_series(series_id, _close_series(connection, series_id))


def check_area(connection: psycopg.Connection, area: str | None) -> None:
    """Refuse an area that has no series; None is every area.

    Raises:
        Problem: close matches are named.
    """
    if area is not None and not area_has_series(connection, area):
        raise unknown_area(area, _close_to(area, areas(connection, MAX_IDS_COMPARED)))


def _close_series(connection: psycopg.Connection, series_id: str) -> list[str]:
    return _close_to(series_id, first_ids(connection, MAX_IDS_COMPARED))


def _close_to(name: str, names: Iterable[str]) -> list[str]:
    """Names that a caller may have meant, in the writing that they have."""
    known = {one.lower(): one for one in names}
    return [known[near] for near in difflib.get_close_matches(name.lower(), known, MAX_CLOSE_MATCHES)]
