"""A source of three columns, and files read through `open_tables`."""

from pathlib import Path
from typing import Any

from dayahead.reading.files.open_tables import open_tables
from dayahead.reading.record_table import Torn
from dayahead.source import Source

HEADER = "time,meter,value,note\n"


def make_source(**changes: Any) -> Source:
    """A source of one label."""
    fields: dict[str, Any] = {
        "name": "meters",
        "kind": "file",
        "title": "Meters",
        "time_column": "time",
        "key_columns": ["meter"],
        "value_column": "value",
        "unit": "kWh",
    }
    return Source.model_validate({**fields, **changes})


def records_of(path: Path, torn: list[Torn] | None = None, **changes: Any) -> list[dict[str, object]]:
    """All records of a file."""
    tables = open_tables(path, make_source(**changes), [] if torn is None else torn)
    return [dict(table.record(place)) for table in tables for place in range(len(table))]


def values_of(path: Path, torn: list[Torn] | None = None, **changes: Any) -> list[object]:
    """The values of a file."""
    return [record["value"] for record in records_of(path, torn, **changes)]


def places_of(path: Path, **changes: Any) -> list[str]:
    """The place of each record of a file."""
    tables = open_tables(path, make_source(**changes), [])
    return [table.place(index) for table in tables for index in range(len(table))]
