"""Validates the rows of a request by the rules for all rows (dayahead/rules.py)."""

from collections.abc import Sequence
from datetime import datetime

import psycopg

from api.sent_rows import NumberedRow, UnreadableRow
from dayahead.errors import ContractError
from dayahead.hours import HOUR_US, to_microseconds
from dayahead.reading.records import Row
from dayahead.row_reading import RowReader
from dayahead.rules import RowRules, contradicted, contradiction, foreign_series
from dayahead.series import canonical_series_id, check_series_id
from dayahead.storage.tables.series import ids_of_other_sources, ids_of_source
from dayahead.storage.tables.source import RegisteredSource

Refused = tuple[NumberedRow, ContractError]
"""A rejected row, and why."""


class Judge:
    """Validates the rows of one request."""

    def __init__(self, registered: RegisteredSource, available_at: datetime) -> None:
        """Prepare.

        Args:
            registered: the source of the rows.
            available_at: when it published them.
        """
        self._registered = registered
        self._rules = RowRules(registered.source)
        self._available_us = to_microseconds(available_at)
        self._reader = RowReader()
        self._known: dict[str, ContractError | None] = {}

    def judge(self, connection: psycopg.Connection, given: Sequence[NumberedRow]) -> tuple[list[Row], list[Refused]]:
        """Split rows into valid and rejected ones.

        Args:
            connection: to TimescaleDB, asked whose the series are.
            given: in the order of the body.

        Returns:
            Rows to send; refused ones in the order of the body.
        """
        good: list[tuple[NumberedRow, Row]] = []
        refused: list[Refused] = []
        for numbered in given:
            try:
                good.append((numbered, self._row(numbered[1])))
            except ContractError as error:
                refused.append((numbered, error))
        written = self._written(connection, {row.series_id for _, row in good})
        good = [(numbered, row._replace(series_id=written[row.series_id])) for numbered, row in good]
        foreign = self._foreign(connection, {row.series_id for _, row in good})
        rows = [row for _, row in good]
        wrong = contradicted(((row.series_id, row.hour) for row in rows), [row.value for row in rows])
        kept: dict[Row, None] = {}
        for place, (numbered, row) in enumerate(good):
            if place in wrong:
                refused.append((numbered, contradiction(row.series_id, row.value, wrong[place])))
            elif row.series_id in foreign:
                refused.append((numbered, foreign_series(row.series_id, self._registered.source.name)))
            else:
                kept[row] = None
        return list(kept), sorted(refused, key=lambda one: one[0][0])

    def _row(self, given: object) -> Row:
        if isinstance(given, UnreadableRow):
            raise given.error
        series_id, hour, value = self._reader.read(given, self._available_us)
        self._check_series(series_id)
        self._rules.check_start(hour * HOUR_US, given[1] if isinstance(given, list) else hour)
        self._rules.check_value(value)
        return Row(series_id, hour, value)

    def _check_series(self, series_id: str) -> None:
        if series_id not in self._known:
            self._known[series_id] = self._fault_of(series_id)
        if (fault := self._known[series_id]) is not None:
            raise ContractError(fault.code, fault.reason)

    def _fault_of(self, series_id: str) -> ContractError | None:
        try:
            check_series_id(series_id)
            self._rules.check_series(canonical_series_id(series_id))
        except ContractError as error:
            return error
        return None

    def _written(self, connection: psycopg.Connection, series_ids: set[str]) -> dict[str, str]:
        """Series_id of each sent one: percent-encoded as in files, unless the source has a series that is not."""
        written = {series_id: canonical_series_id(series_id) for series_id in series_ids}
        others = {series_id for series_id, canonical in written.items() if series_id != canonical}
        if others:
            kept = ids_of_source(connection, others, self._registered.source_key)
            written |= {series_id: series_id for series_id in kept}
        return written

    def _foreign(self, connection: psycopg.Connection, series_ids: set[str]) -> set[str]:
        """Find the series that belong to another source."""
        return ids_of_other_sources(connection, series_ids, self._registered.source_key)
