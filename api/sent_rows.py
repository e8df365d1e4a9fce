"""The body of `POST /v1/observations`: rows as JSON, as NDJSON or as CSV, each with the place that an error names."""

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from api.problems import Problem, bad_parameter
from dayahead.errors import ContractError, DeadLetterCode
from dayahead.rules import SHOWN, shown

JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"
COLUMNS = ("series_id", "valid_time", "value")
FIELDS = frozenset({"source", "available_at", "refresh", "rows"})

NumberedRow = tuple[int, Any]
"""Number of the row in the body, from 1, and what stands there: [series_id, valid_time, value], or an UnreadableRow."""


@dataclass(frozen=True)
class UnreadableRow:
    """A line that is no row.

    Attributes:
        sent: what was sent: the text of the line, or its columns.
        error: why it is no row.
    """

    sent: str | list[str]
    error: ContractError


@dataclass(frozen=True)
class Sent:
    """A body.

    Attributes:
        about: `source`, `available_at` and `refresh`, where the body has them.
        rows: in its order.
    """

    about: Mapping[str, Any]
    rows: list[NumberedRow]


def read_sent(body: bytes, content_type: str) -> Sent:
    """Read a body.

    Args:
        body: its bytes.
        content_type: header `Content-Type`; JSON where it is empty.

    Raises:
        Problem: it is none of the three forms.
    """
    media_type = content_type.partition(";")[0].strip().lower() or JSON
    reader = _READERS.get(media_type)
    if reader is None:
        raise Problem(
            415,
            "unsupported-media-type",
            "No such form of rows",
            f"Content-Type: {media_type[:100]} is not read here: send {', '.join(_READERS)}.",
        )
    sent = reader(body)
    if not sent.rows:
        raise bad_parameter("rows", [], "the body has no row")
    return sent


def _json(body: bytes) -> Sent:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_parameter("body", None, f"it is not JSON: {error}") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("rows"), list):
        raise bad_parameter("body", None, 'an object like {"source": "…", "rows": [[series_id, valid_time, value]]}')
    if unknown := fields.keys() - FIELDS:
        raise bad_parameter(
            "body", None, f"unknown fields {shown(sorted(unknown))}; it has {', '.join(sorted(FIELDS))}"
        )
    return Sent(fields, [(number, _as_list(row)) for number, row in enumerate(fields["rows"], 1)])


def _ndjson(body: bytes) -> Sent:
    lines = enumerate(body.split(b"\n"), 1)
    return Sent({}, [(number, _line(line)) for number, line in lines if line.strip()])


def _line(line: bytes) -> Any:
    try:
        return _as_list(orjson.loads(line))
    except orjson.JSONDecodeError as error:
        return UnreadableRow(
            line.decode(errors="replace"), ContractError(DeadLetterCode.NOT_JSON, f"the line is not JSON: {error}")
        )


def _csv(body: bytes) -> Sent:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad_parameter("body", None, f"it is not UTF-8 ({error.reason} at byte {error.start})") from error
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(lines, [])]
    except csv.Error as error:
        raise bad_parameter("body", None, f"its first line is not CSV: {error}") from error
    if sorted(header) != sorted(COLUMNS):
        raise bad_parameter(
            "body", None, f"its first line must name the columns {','.join(COLUMNS)}, not {shown(header)}"
        )
    places = [header.index(name) for name in COLUMNS]
    return Sent({}, list(_csv_rows(lines, places)))


def _csv_rows(lines: Iterator[list[str]], places: list[int]) -> Iterator[NumberedRow]:
    number = 0
    while True:
        number += 1
        try:
            line = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            raise bad_parameter("body", None, f"row {number} is not CSV: {error}") from error
        if not line:
            continue
        if len(line) != len(places):
            reason = f"a row has {len(places)} columns, this one {len(line)}"
            yield number, UnreadableRow(line, ContractError(DeadLetterCode.BAD_ROW, reason))
            continue
        series_id, time, value = (line[place].strip() for place in places)
        yield number, [series_id, time, _number(value)]


def _number(text: str) -> float | str | None:
    """A number as CSV writes it; a text that is none stays, to be refused with its reason."""
    if not text:
        return None
    try:
        return text if "_" in text else float(text)
    except ValueError:
        return text


def _as_list(row: Any) -> Any:
    """A row that is an object as [series_id, valid_time, value]."""
    if isinstance(row, dict) and row.keys() == set(COLUMNS):
        return [row[name] for name in COLUMNS]
    return row


def shown_value(value: Any) -> Any:
    """A row for an answer: its parts cut to a readable length; JSON has no NaN and no infinity."""
    if isinstance(value, UnreadableRow):
        value = value.sent
    if isinstance(value, list):
        return [_shown_part(part) for part in value[: len(COLUMNS) + 1]]
    return _shown_part(value)


def _shown_part(part: Any) -> Any:
    if isinstance(part, str):
        return part if len(part) <= SHOWN else part[:SHOWN] + "…"
    if isinstance(part, float) and not math.isfinite(part):
        return repr(part)
    return part if isinstance(part, int | float | datetime | None) else shown(part)


_READERS: Mapping[str, Callable[[bytes], Sent]] = {JSON: _json, NDJSON: _ndjson, CSV: _csv}
