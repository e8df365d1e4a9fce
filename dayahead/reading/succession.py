"""Reads two datasets that follow each other as one source: a publisher that replaces a dataset keeps its series.

They may overlap. Up to a moment the earlier one counts, from then on the later one, whatever each has beyond it.
"""

from dataclasses import replace
from typing import Any

from dayahead.errors import SettingsError
from dayahead.hours import Hour
from dayahead.reading.hour_text import hour_of
from dayahead.reading.reader import Answer, Reader
from dayahead.source import Source

UNTIL = "until"
SHARED = frozenset({"name", "unit", "value_label", "predecessor"})
"""Fields that both datasets must share: they make the series."""


def until_of(source: Source) -> Hour:
    """The first hour that counts from the later dataset.

    Args:
        source: with a predecessor.

    Raises:
        SettingsError: it is missing or no hour.
    """
    fields = source.predecessor or {}
    if UNTIL not in fields:
        raise SettingsError(
            f"predecessor of source {source.name} needs until: the first hour that counts from this one"
        )
    return hour_of(str(fields[UNTIL]), "until of predecessor")


def fields_of_predecessor(source: Source) -> dict[str, Any]:
    """The fields of the earlier dataset, as a source file of its own would have them.

    Args:
        source: the later one.

    Raises:
        SettingsError: the predecessor changes what makes the series.
    """
    fields = source.model_dump(mode="json", exclude_unset=True)
    changes = {name: value for name, value in (source.predecessor or {}).items() if name != UNTIL}
    if shared := sorted(changes.keys() & SHARED):
        raise SettingsError(f"{', '.join(shared)} cannot differ: its series are those of this source")
    return {name: value for name, value in {**fields, **changes}.items() if name != "predecessor"}


class SuccessiveReader:
    """Reads the earlier dataset up to a moment, and the later one from then on."""

    def __init__(self, earlier: Reader, later: Reader, earlier_source: Source, until: Hour) -> None:
        """Store the arguments.

        Args:
            earlier: reads the earlier dataset.
            later: reads the later one.
            earlier_source: definition of the records of the earlier one.
            until: first hour that counts from the later one.
        """
        self._earlier, self._later = earlier, later
        self._earlier_source, self._until = earlier_source, until

    def read(self, start: Hour, end: Hour | None) -> Answer:
        """See `Reader.read`; an answer ends where the later dataset begins."""
        if start >= self._until:
            return self._later.read(start, end)
        is_last = end is not None and end <= self._until
        answer = self._earlier.read(start, end if is_last else self._until)
        cut_at = answer.cut_at
        if not is_last and (cut_at is None or cut_at >= self._until):
            cut_at = self._until
        return replace(answer, cut_at=cut_at, source=self._earlier_source, until=self._until)
