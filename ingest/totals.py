"""Makes the totals of sources: sums the hours that changed, and publishes those that no series lacks.

A total goes through `observations` like every other value, since the outcome is a function of the log. After a crash
anywhere the hours since the cursors are summed again, and only what differs from the totals that stand is published.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import psycopg
import structlog

from dayahead.errors import ContractError
from dayahead.grouping import grouped
from dayahead.hours import Clock, Hour, from_hour, from_microseconds
from dayahead.publisher import Publication, Publisher
from dayahead.reading.records import Row
from dayahead.source import Source
from dayahead.storage.tables.source import RegisteredSource, load_sources, register_source, remove_source
from dayahead.storage.tables.total_cursor import move_total_cursors, read_total_cursors
from dayahead.storage.tables.total_hour import TotalHour, read_totals, write_total_hours
from dayahead.storage.totals import (
    ChangedHours,
    SummedHours,
    TotalVersion,
    newest_hour_of,
    read_changed_hours,
    read_summed_hours,
)
from dayahead.totals import (
    WHOLE,
    has_areas,
    lacking,
    reach_h,
    runs_of,
    total_id,
    total_label,
    totals_name,
    totals_source,
)
from ingest import metrics
from ingest.poller import Connect
from ingest.rounds import Rounds

log = structlog.get_logger()

LONGEST_RANGE_H = 744
"""Hours that are summed at once."""
NAMED = 5
"""Series that lack an hour and are named."""
LOCK = 7_214_001
"""First key of the advisory lock of a source, so that two processes do not publish the same totals."""


@dataclass
class _Sums:
    """What is kept between two rounds of a source; losing it costs only work.

    Attributes:
        looked: rows and newest `recorded_at` by partition at the last round that found nothing to publish.
        sent: totals that were published and have not been seen in the table, by series_id and hour.
    """

    looked: object = None
    sent: dict[tuple[str, Hour], TotalVersion] = field(default_factory=dict)


@dataclass(frozen=True)
class _Hour:
    """An hour of a total: what is noted of it, and the version to publish, if any."""

    noted: TotalHour
    series_id: str
    hour: Hour
    version: TotalVersion | None


class Totals(Rounds):
    """Makes the totals of every registered source that asks for them."""

    failed_event, failures = "totals_failed", metrics.TOTALS_FAILURES

    def __init__(self, *, publisher: Publisher, connect: Connect, clock: Clock) -> None:
        """Prepare; nothing is connected yet.

        Args:
            publisher: sends to Kafka; its own.
            connect: opens TimescaleDB.
            clock: the present moment.
        """
        super().__init__(connect)
        self._publisher, self._clock = publisher, clock
        self._kept: dict[str, _Sums] = {}
        self._refused: dict[str, str] = {}

    def round(self) -> int:
        """Sum the hours that changed since the last round, of every source with totals.

        Returns:
            Rows that were published.

        Raises:
            BrokerUnavailable: Kafka did not acknowledge; the cursors have not moved.
            StorageError: TimescaleDB is unavailable.
            psycopg.Error: TimescaleDB failed.
        """
        connection = self._connected()
        sources = load_sources(connection)
        self._retire(connection, sources.values())
        published = 0
        for name, parent in sorted(sources.items()):
            if not _wanted(parent):
                continue
            with _lock(connection, parent.source_key) as locked:
                totals = self._registered(connection, parent, sources.get(totals_name(name))) if locked else None
                if totals is not None:
                    published += self._make(connection, parent, totals, self._kept.setdefault(name, _Sums()))
        return published

    def close(self) -> None:
        """Close the connections."""
        super().close()
        self._publisher.close()

    def _retire(self, connection: psycopg.Connection, sources: Iterable[RegisteredSource]) -> None:
        """Remove the totals of sources that no longer ask for them."""
        wanted = {one.source.name for one in sources if _wanted(one)}
        for one in sources:
            if one.source.totals_of is not None and one.removed_at is None and one.source.totals_of not in wanted:
                remove_source(connection, one.source.name)
                log.info("totals_ended", source=one.source.totals_of)
        for name in self._kept.keys() - wanted:
            del self._kept[name]
            for gauge in (metrics.TOTALS_INCOMPLETE, metrics.TOTALS_BEHIND):
                gauge.remove(name)

    def _registered(
        self, connection: psycopg.Connection, parent: RegisteredSource, known: RegisteredSource | None
    ) -> RegisteredSource | None:
        """The registered source of totals, as its parent is now; None where its name is taken."""
        name = parent.source.name
        if known is not None and known.source.totals_of != name:
            reason = f"a source named {known.source.name} is registered and is not its totals: rename that one"
            if self._refused.get(name) != reason:
                log.error("totals_refused", source=name, reason=reason)
            self._refused[name] = reason
            return None
        self._refused.pop(name, None)
        wanted = totals_source(parent.source)
        if known is None or known.removed_at is not None or _definition(known.source) != _definition(wanted):
            return register_source(connection, wanted)
        return known

    def _make(
        self, connection: psycopg.Connection, parent: RegisteredSource, totals: RegisteredSource, kept: _Sums
    ) -> int:
        changed = read_changed_hours(
            connection, parent.source_key, totals.source_key, read_total_cursors(connection, parent.source_key)
        )
        if (looked := (changed.rows, changed.recorded)) == kept.looked:
            return 0
        newest = newest_hour_of(connection, parent.source_key)
        if newest is None:
            return 0
        published = self._sum(connection, parent, totals, changed, newest, kept)
        move_total_cursors(connection, parent.source_key, changed.recorded)
        kept.looked = looked
        self._measure(connection, parent, newest)
        return published

    def _sum(
        self,
        connection: psycopg.Connection,
        parent: RegisteredSource,
        totals: RegisteredSource,
        changed: ChangedHours,
        newest: Hour,
        kept: _Sums,
    ) -> int:
        published, reach = 0, reach_h(parent.source)
        for first, end in runs_of(changed.hours, reach, LONGEST_RANGE_H):
            last = min(end, newest)
            if first > last:
                continue
            found = read_summed_hours(connection, parent.source_key, totals.source_key, first, last, reach)
            hours = list(_judged(parent, found, first, reach, kept))
            self._publish(totals.source.name, hours)
            with connection.transaction():
                write_total_hours(connection, parent.source_key, [one.noted for one in hours], self._clock())
            for one in hours:
                if one.version is not None:
                    kept.sent[one.series_id, one.hour] = one.version
                    published += 1
        if published:
            metrics.TOTALS_PUBLISHED.labels(parent.source.name).inc(published)
            log.info("totals_published", source=parent.source.name, rows=published)
        return published

    def _publish(self, name: str, hours: Sequence[_Hour]) -> None:
        """Send totals; each series is forecast once, at the newest of them."""
        versions = [(one.version, Row(one.series_id, one.hour, one.version.value)) for one in hours if one.version]
        newest: dict[str, Hour] = {}
        for _, row in versions:
            newest[row.series_id] = max(row.hour, newest.get(row.series_id, row.hour))
        for refresh in (False, True):
            chosen = [(version, row) for version, row in versions if (newest[row.series_id] == row.hour) is refresh]
            by_moment = grouped((version.available_us, row) for version, row in chosen)
            publications = [Publication(from_microseconds(moment), rows) for moment, rows in sorted(by_moment.items())]
            if publications:
                self._publisher.publish(publications, [], name, refresh=refresh)

    def _measure(self, connection: psycopg.Connection, parent: RegisteredSource, newest: Hour) -> None:
        name = parent.source.name
        states = read_totals(connection, parent.source_key, newest)
        metrics.TOTALS_INCOMPLETE.labels(name).set(sum(one.incomplete_hours for one in states))
        whole = next((one.newest_hour for one in states if one.total == WHOLE), None)
        if whole is not None:
            metrics.TOTALS_BEHIND.labels(name).set((from_hour(newest) - whole).total_seconds() / 3600)


def _definition(source: Source) -> dict[str, object]:
    return source.model_dump(exclude_defaults=True)


def _wanted(one: RegisteredSource) -> bool:
    return one.source.totals and one.removed_at is None and one.source.totals_of is None


@contextmanager
def _lock(connection: psycopg.Connection, source_key: int) -> Iterator[bool]:
    """Hold the lock of a source; False where another process has it."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK, source_key]).fetchone()
    if row != (True,):
        yield False
        return
    try:
        yield True
    finally:
        if not connection.closed and not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK, source_key])


def _judged(parent: RegisteredSource, found: SummedHours, first: Hour, reach: int, kept: _Sums) -> Iterator[_Hour]:
    """Judge each area and hour: which series lack it, and whether a total is to be published."""
    missing = lacking(found.present, reach)
    areas = np.array(found.areas, object)
    for (area, hour), summed in found.sums.items():
        if area is not None and not has_areas(parent.source):
            continue
        try:
            series_id = total_id(parent.source, area)
        except ContractError as error:
            log.warning("total_refused", source=parent.source.name, area=area, reason=str(error))
            continue
        here = missing[:, hour - first + reach]
        lacks = np.flatnonzero(here if area is None else here & (areas == area))
        place = (series_id, hour)
        stands = found.standing.get(place)
        sent = kept.sent.get(place)
        if sent is not None and stands is not None and _order(stands) >= _order(sent):
            del kept.sent[place]
            sent = None
        version = None if len(lacks) else _version(summed.value, summed.available_us, sent or stands)
        noted = TotalHour(
            total=total_label(area),
            valid_time=from_hour(hour),
            summed=summed.series,
            missing=len(lacks),
            missing_series=[found.series_ids[place] for place in lacks[:NAMED].tolist()],
            published=not len(lacks),
        )
        yield _Hour(noted, series_id, hour, version)


def _order(one: TotalVersion) -> tuple[int, float]:
    return one.confirmed_us, one.value


def _version(value: float, available_us: int, standing: TotalVersion | None) -> TotalVersion | None:
    """The version to publish so that a total becomes `value`; None where it is that already.

    Current is the version with the greatest (available_at, value). A part that was revised before the newest part was
    published may make the total smaller at the same moment: then the new total follows by a microsecond.
    """
    if standing is not None:
        if standing.value == value:
            return None
        if (available_us, value) <= _order(standing):
            available_us = standing.confirmed_us + 1
    return TotalVersion(value, available_us, available_us)
