"""Scores reference forecasts in comparison with ours, as hours are observed, revised, or published by the reference.

A score is a function of what is in the tables, so that a crash, a lost cursor or two processes repeat work and change
nothing.
"""

from collections.abc import Sequence

import psycopg
import structlog

from dayahead.source import Source
from dayahead.storage.tables.reference_day_score import compare_new_products, compare_products_of_hours
from dayahead.storage.tables.reference_score import compare_hours
from dayahead.storage.tables.reference_series import (
    ChangedReference,
    move_reference_cursors,
    oldest_hour_of,
    read_changed_references,
    read_looked_series,
    series_by_reference,
)
from dayahead.storage.tables.source import RegisteredSource, load_references, load_sources
from ingest import metrics
from ingest.poller import Connect
from ingest.rounds import Rounds

log = structlog.get_logger()

HOURS_AT_ONCE = 1_000
"""Hours of series in one statement."""
PRODUCTS_AT_ONCE = 2_000


class ReferenceScoring(Rounds):
    """Scores every registered reference."""

    failed_event, failures = "reference_scoring_failed", metrics.REFERENCE_SCORING_FAILURES

    def __init__(self, *, connect: Connect) -> None:
        """See `Rounds`."""
        super().__init__(connect)
        self._looked: dict[int, ChangedReference] = {}
        self._shown: set[str] = set()

    def round(self) -> int:
        """Score what changed since the last round, of every reference.

        Returns:
            Scores that were written.

        Raises:
            StorageError: TimescaleDB is unavailable.
            psycopg.Error: TimescaleDB failed.
        """
        connection = self._connected()
        references = {name: one for name, one in load_references(connection).items() if one.removed_at is None}
        self._show_unmatched(connection, references)
        if not references:
            return 0
        observed = load_sources(connection)
        written = 0
        for name, reference in sorted(references.items()):
            parent = observed.get(reference.source.forecast_of or "")
            if parent is not None and (scores := self._score(connection, reference, parent.source)):
                log.info("reference_scored", source=name, scores=scores)
                written += scores
        return written

    def _score(self, connection: psycopg.Connection, reference: RegisteredSource, observed: Source) -> int:
        oldest = oldest_hour_of(connection, reference.source_key)
        if oldest is None:
            return 0
        looked = read_looked_series(connection, reference.source_key)
        changed = [
            one for one in read_changed_references(connection, looked) if self._looked.get(one.reference_key) != one
        ]
        written = self._compare(connection, reference, observed, changed)
        while (products := compare_new_products(connection, reference.source_key, oldest, PRODUCTS_AT_ONCE)) > 0:
            written += products
        move_reference_cursors(connection, changed, looked)
        self._looked.update((one.reference_key, one) for one in changed)
        return written

    def _compare(
        self,
        connection: psycopg.Connection,
        reference: RegisteredSource,
        observed: Source,
        changed: Sequence[ChangedReference],
    ) -> int:
        lag = observed.publication_lag if observed.clock == "replay" else None
        # hour by hour: the series of one hour lie in the same chunks
        places = sorted((hour, one.reference_key) for one in changed for hour in one.hours)
        written = 0
        for start in range(0, len(places), HOURS_AT_ONCE):
            some = places[start : start + HOURS_AT_ONCE]
            hours, keys = [hour for hour, _ in some], [key for _, key in some]
            written += compare_hours(connection, keys, hours, lag)
            written += compare_products_of_hours(connection, reference.source_key, keys, hours)
        return written

    def _show_unmatched(self, connection: psycopg.Connection, references: dict[str, RegisteredSource]) -> None:
        """Measure how many series of each reference are not observed."""
        for gone in self._shown - references.keys():
            metrics.REFERENCE_UNMATCHED.remove(gone)
        self._shown = set(references)
        if references:
            for one in series_by_reference(connection):
                if one.name in references:
                    metrics.REFERENCE_UNMATCHED.labels(one.name).set(one.series - one.matched)
