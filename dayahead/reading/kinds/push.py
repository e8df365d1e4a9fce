"""Rows sent by clients over HTTP or to Kafka; there is nothing to read."""

from typing import ClassVar, NoReturn

from dayahead.errors import SettingsError
from dayahead.reading.source_kind import SourceKind, Surroundings
from dayahead.source import Source


class Push(SourceKind):
    """Must be registered before the first row is sent; field names are fixed, so it names no columns."""

    name = "push"
    defaults: ClassVar = {"time_column": "valid_time", "value_column": "value"}

    def reader(self, source: Source, surroundings: Surroundings) -> NoReturn:
        """See `SourceKind.reader`."""
        raise SettingsError(
            f"source {source.name} is of kind push: its rows are sent, there is nothing to poll; "
            "register it with `dayahead sources register FILE`"
        )
