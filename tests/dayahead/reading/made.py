"""Sources and records for the tests of reading, as short as they can be."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from dayahead.hours import format_utc, from_hour
from dayahead.reading.converter import convert
from dayahead.reading.records import Conversion
from dayahead.reading.source_file import source_of
from dayahead.source import Source

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def source(**changes: Any) -> Source:
    """A source of one meter without limits; a field that is None is left out."""
    fields = {
        "name": "made",
        "kind": "file",
        "path": "made.csv",
        "title": "A test",
        "time_column": "time",
        "key_columns": ["meter"],
        "value_column": "value",
        "unit": "kWh",
        **changes,
    }
    return source_of({name: value for name, value in fields.items() if value is not None})


def read(values: Iterable[tuple[object, object]], **changes: Any) -> Conversion:
    """Convert records of meter m.

    Args:
        values: time and value of each record.
        changes: fields of the source.
    """
    return convert([{"time": time, "meter": "m", "value": value} for time, value in values], source(**changes), NOW)


def hours(conversion: Conversion) -> dict[str, float]:
    """The value of each hour, by its start in UTC."""
    return {format_utc(from_hour(row.hour))[:16]: row.value for row in conversion.rows}


def codes(conversion: Conversion) -> list[str]:
    """The codes of the rejections."""
    return [str(rejection.code) for rejection in conversion.rejections]
