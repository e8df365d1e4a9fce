"""Removes rows older than the configured age: whole chunks of hypertables, batches of the other tables.

The age of a row is counted from the newest hour of its series: a source that lags, or replays old data, keeps its
newest forecasts and their inputs, however new the hours of other sources are.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import LiteralString, Self

import psycopg
import structlog
from psycopg import sql
from pydantic import Field, SecretStr, model_validator

from dayahead.hours import Clock, format_utc, wall_clock
from dayahead.settings import PREFIX, ServiceSettings
from dayahead.stopping import stop_on_signals
from dayahead.storage.database import connect
from dayahead.storage.tables.model_report import delete_old_weekly
from dayahead.storage.tables.report_piece import delete_unused_pieces
from dayahead.storage.tables.retention_cut import note_cut
from dayahead.storage.tables.weather_arrival import LEAST_KEPT_DAYS, delete_old_arrivals
from dayahead.storage.tables.weather_run import delete_old_runs

log = structlog.get_logger()

LEAST_DAYS = 60
"""Minimum age in days: a forecast uses 38 days, and late revisions are scored again."""

COMPRESSING_LICENCE = "timescale"


@dataclass(frozen=True)
class RetainedTable:
    """A table with retention.

    Attributes:
        name: of the table.
        time: column that determines the age of a row.
        chunked: whether it is a hypertable, whose chunks are dropped whole.
        key: columns that identify the series or group of a row: the age is counted from its newest hour.
    """

    name: str
    time: str
    chunked: bool
    key: tuple[str, ...] = ("series_key",)

    @property
    def newest(self) -> sql.Identifier:
        """The temporary table of `Retention` with the newest hour by `key`."""
        return sql.Identifier("newest_by_" + "_".join(self.key))


TABLES = (
    RetainedTable("observation", "valid_time", chunked=True),
    RetainedTable("feature_snapshot", "origin", chunked=True),
    RetainedTable("forecast", "origin", chunked=True),
    RetainedTable("forecast_superseded", "origin", chunked=True),
    RetainedTable("score", "origin", chunked=True),
    RetainedTable("day_score", "origin", chunked=True),
    RetainedTable("reference_score", "origin", chunked=True),
    RetainedTable("reference_forecast", "valid_time", chunked=False, key=("reference_key",)),
    RetainedTable("observation_revision", "valid_time", chunked=False),
    RetainedTable("accuracy_day", "day", chunked=False, key=("area", "unit")),
    RetainedTable("total_hour", "valid_time", chunked=False, key=("source_key",)),
    RetainedTable("drift_event", "valid_time", chunked=False),
    RetainedTable("training_quarantine", "valid_until", chunked=False),
)


NEWEST = (
    b"DROP TABLE IF EXISTS newest_by_series_key, newest_by_area_unit, newest_by_source_key, newest_by_reference_key",
    b"""
    CREATE TEMPORARY TABLE newest_by_series_key AS
    SELECT series.series_key, series.area, series.unit, series.source_key,
           least(observation.valid_time, %(now)s) AS newest
    FROM series CROSS JOIN LATERAL (
        SELECT valid_time FROM observation WHERE series_key = series.series_key ORDER BY valid_time DESC LIMIT 1
    ) AS observation
    """,
    # for an area that two sources share, the one that lags decides
    b"""
    CREATE TEMPORARY TABLE newest_by_area_unit AS
    SELECT area, unit, min(newest) AS newest
    FROM (SELECT area, unit, max(newest) AS newest FROM newest_by_series_key GROUP BY area, unit, source_key) AS source
    GROUP BY area, unit
    """,
    b"""
    CREATE TEMPORARY TABLE newest_by_source_key AS
    SELECT source_key, max(newest) AS newest FROM newest_by_series_key GROUP BY source_key
    """,
    b"""
    CREATE TEMPORARY TABLE newest_by_reference_key AS
    SELECT reference_key, max(newest) AS newest
    FROM newest_by_series_key JOIN reference_of_series USING (series_key) GROUP BY reference_key
    """,
    b"ANALYZE newest_by_series_key",
)
"""Statements that find the newest hour by series, by area and unit, by source and by reference; at most `now`."""

_IN_CHUNK = "one JOIN {newest} AS newest USING ({key}) WHERE one.{time} >= %(start)s AND one.{time} < %(end)s"

COUNT_KEPT = f"""
    SELECT count(*) FROM (
        SELECT FROM {{table}} AS {_IN_CHUNK} AND one.{{time}} >= newest.newest - %(kept)s LIMIT %(limit)s
    ) AS kept
"""  # noqa: S608 - the names are the code's own

HAS_OLD = f"""
    SELECT EXISTS (SELECT FROM {{table}} AS {_IN_CHUNK} AND one.{{time}} < newest.newest - %(kept)s)::int
"""  # noqa: S608

COPY_KEPT = f"""
    CREATE TEMPORARY TABLE retention_kept ON COMMIT DROP AS
    SELECT one.* FROM {{table}} AS {_IN_CHUNK} AND one.{{time}} >= newest.newest - %(kept)s
"""  # noqa: S608

PUT_BACK = "INSERT INTO {table} ({columns}) SELECT {columns} FROM retention_kept"

DELETE_OLD = """
    DELETE FROM {table} WHERE ctid = ANY(ARRAY(
        SELECT one.ctid FROM {table} AS one JOIN {newest} AS newest USING ({key})
        WHERE one.{time} < newest.newest - %(kept)s LIMIT %(limit)s
    ))
"""


class RetentionSettings(ServiceSettings):
    """Settings of `dayahead retention`: days to keep in each table, 0 for all.

    The age is counted from the newest hour of the series.
    """

    owner_database_url: SecretStr = Field(
        default=SecretStr("postgresql://dayahead_owner@127.0.0.1:5432/dayahead"),
        description="TimescaleDB, as a postgresql:// URL of the role that owns the tables",
    )
    retain_observation_days: int = Field(
        default=0,
        ge=0,
        description="Days of observation to keep, 60 or more; 0 keeps all. They are the training data",
    )
    retain_observation_revision_days: int = Field(
        default=0, ge=0, description="Days of observation_revision to keep, 60 or more; 0 keeps all"
    )
    retain_feature_snapshot_days: int = Field(
        default=0, ge=0, description="Days of feature_snapshot to keep, 60 or more; 0 keeps all"
    )
    retain_forecast_days: int = Field(default=0, ge=0, description="Days of forecast to keep, 60 or more; 0 keeps all")
    retain_forecast_superseded_days: int = Field(
        default=0,
        ge=0,
        description="Days of forecast_superseded to keep, 60 or more; 0 keeps all. Without it, a forecast that was "
        "refreshed cannot be read as of a moment before its refresh",
    )
    retain_score_days: int = Field(default=0, ge=0, description="Days of score to keep, 60 or more; 0 keeps all")
    retain_day_score_days: int = Field(
        default=0, ge=0, description="Days of day_score to keep, 60 or more; 0 keeps all"
    )
    retain_accuracy_day_days: int = Field(
        default=0, ge=0, description="Days of accuracy_day to keep, 60 or more; 0 keeps all"
    )
    retain_total_hour_days: int = Field(
        default=0, ge=0, description="Days of total_hour to keep, 60 or more; 0 keeps all"
    )
    retain_reference_forecast_days: int = Field(
        default=0, ge=0, description="Days of reference_forecast to keep, 60 or more; 0 keeps all"
    )
    retain_reference_score_days: int = Field(
        default=0, ge=0, description="Days of reference_score to keep, 60 or more; 0 keeps all"
    )
    retain_drift_event_days: int = Field(
        default=0, ge=0, description="Days of drift_event to keep, 60 or more; 0 keeps all"
    )
    retain_training_quarantine_days: int = Field(
        default=0, ge=0, description="Days of training_quarantine to keep, 60 or more; 0 keeps all"
    )
    retain_weather_arrival_days: int = Field(
        default=0,
        ge=0,
        description=f"Days of weather_arrival to keep, {LEAST_KEPT_DAYS} or more; 0 keeps all. Workers rebuild the "
        "weather of their partitions from them; counted from the newest run of the location",
    )
    retain_weather_run_days: int = Field(
        default=0,
        ge=0,
        description="Days of weather_run to keep, 60 or more; 0 keeps all. They are the training data; those in "
        "weather_arrival stay",
    )
    retain_weekly_report_days: int = Field(
        default=0,
        ge=0,
        description="Days of weekly reports in model_report to keep, counted from now; 0 keeps all. Those of trainings "
        "stay with their release",
    )
    compress_after_days: int = Field(
        default=0,
        ge=0,
        description="Days after which chunks are compressed, 60 or more; 0 for never. Needs TimescaleDB's own licence",
    )
    retention_batch_rows: int = Field(
        default=50_000, ge=1_000, description="Maximum rows deleted in one transaction of `dayahead retention`"
    )
    retention_every_h: float = Field(default=24.0, gt=0, description="Hours between two runs of `retention --repeat`")

    @model_validator(mode="after")
    def _keep_what_the_service_needs(self) -> Self:
        least = dict.fromkeys(
            ("compress_after_days", "retain_weather_run_days", *(f"retain_{table.name}_days" for table in TABLES)),
            LEAST_DAYS,
        )
        for name, least_days in {**least, "retain_weather_arrival_days": LEAST_KEPT_DAYS}.items():
            if 0 < (days := getattr(self, name)) < least_days:
                raise ValueError(
                    f"{PREFIX}{name.upper()}: {days} days are fewer than the {least_days} that the service reads: "
                    f"set {least_days} or more, or 0"
                )
        return self


@dataclass(frozen=True)
class Removed:
    """Rows removed from a table.

    Attributes:
        table: its name.
        before: cut of the newest series: its earlier rows were removed (of a hypertable, chunks that end by then).
        count: chunks or rows.
        unit: `chunks` or `rows`.
    """

    table: str
    before: datetime
    count: int
    unit: str


@dataclass(frozen=True)
class _Chunk:
    """A chunk that ends before the cut of the newest series.

    Attributes:
        name: schema, dot, name.
        start: its first moment.
        end: moment after its last.
        kept: age up to which a series keeps its rows.
    """

    name: str
    start: datetime
    end: datetime
    kept: timedelta

    @property
    def identifier(self) -> sql.Identifier:
        """Its name in a statement."""
        return sql.Identifier(*self.name.split("."))

    def parameters(self) -> dict[str, object]:
        """Parameters of the statements about its rows."""
        return {"start": self.start, "end": self.end, "kept": self.kept}


class Retention:
    """One run over all tables; an interrupted run has removed whole batches, and the next run continues."""

    def __init__(self, connection: psycopg.Connection, settings: RetentionSettings, clock: Clock) -> None:
        """Prepare.

        Args:
            connection: of the owner, autocommit.
            settings: days of each table.
            clock: the present moment.
        """
        self._connection, self._settings, self._clock = connection, settings, clock

    def run(self, give_up: Callable[[], bool] = lambda: False) -> list[Removed]:
        """Remove old rows; returns the removed ones by table.

        Args:
            give_up: checked between two batches; True stops.
        """
        newest = self._newest()
        if newest is None:
            return []
        self._note_newest()
        removed = []
        for table in TABLES:
            days = getattr(self._settings, f"retain_{table.name}_days")
            if not days or give_up():
                continue
            kept = timedelta(days=days)
            before = newest - kept
            note_cut(self._connection, table.name, before)  # first: removed rows must never count as never written
            if table.chunked:
                removed.append(Removed(table.name, before, self._remove_chunks(table, before, kept, give_up), "chunks"))
            else:
                removed.append(Removed(table.name, before, self._delete(table, kept, give_up), "rows"))
            log.info("retention", table=table.name, before=before.isoformat(), removed=removed[-1].count)
        return removed + self._remove_weather(give_up) + self._remove_reports(give_up)

    def _remove_weather(self, give_up: Callable[[], bool]) -> list[Removed]:
        """Remove old arrivals of weather, then old publications that no partition knows."""
        removed = []
        now, limit = self._clock(), self._settings.retention_batch_rows
        for table, delete in (("weather_arrival", delete_old_arrivals), ("weather_run", delete_old_runs)):
            days = getattr(self._settings, f"retain_{table}_days")
            if not days or give_up():
                continue
            kept, count = timedelta(days=days), 0
            note_cut(self._connection, table, now - kept)
            while not give_up():
                gone = delete(self._connection, kept, now, limit)
                count += gone
                if gone < limit:
                    break
            removed.append(Removed(table, now - kept, count, "rows"))
            log.info("retention", table=table, before=(now - kept).isoformat(), removed=count)
        return removed

    def _remove_reports(self, give_up: Callable[[], bool]) -> list[Removed]:
        """Remove old weekly reports, and the pieces that are in no page any more."""
        days = self._settings.retain_weekly_report_days
        if not days or give_up():
            return []
        before, count = self._clock() - timedelta(days=days), 0
        while not give_up():
            gone = delete_old_weekly(self._connection, before, self._settings.retention_batch_rows)
            count += gone
            if gone < self._settings.retention_batch_rows:
                break
        pieces = delete_unused_pieces(self._connection)
        log.info("retention", table="model_report", before=before.isoformat(), removed=count, pieces=pieces)
        return [Removed("model_report", before, count, "rows")]

    def compress(self) -> str:
        """Compress the old chunks.

        Returns:
            The result as a sentence.
        """
        days, newest = self._settings.compress_after_days, self._newest()
        if not days or newest is None:
            return "compression is off (DAYAHEAD_COMPRESS_AFTER_DAYS)"
        licence = self._connection.execute("SHOW timescaledb.license").fetchone()
        if licence is None or licence[0] != COMPRESSING_LICENCE:
            named = licence[0] if licence else "unknown"
            return f"compression needs timescaledb.license = {COMPRESSING_LICENCE}, this server has {named}"
        count = sum(self._compress(table, newest - timedelta(days=days)) for table in TABLES if table.chunked)
        return f"{count} chunks compressed"

    def _newest(self) -> datetime | None:
        """The newest hour of any series, at most now: a replay of old data must not be removed at once."""
        row = self._connection.execute("SELECT max(valid_time) FROM observation").fetchone()
        return min(row[0].astimezone(UTC), self._clock()) if row and row[0] else None

    def _note_newest(self) -> None:
        """Write the newest hour of each series, and of each area and unit, to temporary tables."""
        for statement in NEWEST:
            self._connection.execute(statement, {"now": self._clock()} if b"%(now)s" in statement else None)

    def _remove_chunks(
        self, table: RetainedTable, before: datetime, kept: timedelta, give_up: Callable[[], bool]
    ) -> int:
        chunks = self._connection.execute(
            "SELECT chunk_schema || '.' || chunk_name, range_start, range_end"
            " FROM timescaledb_information.chunks WHERE hypertable_name = %s AND range_end <= %s ORDER BY range_start",
            [table.name, before],
        ).fetchall()
        count = 0
        for name, start, end in chunks:
            if give_up():
                break
            count += self._remove_chunk(table, _Chunk(name, start, end, kept))
        return count

    def _remove_chunk(self, table: RetainedTable, chunk: "_Chunk") -> bool:
        """Drop a chunk and reinsert the rows that lagging series keep; skip a chunk with many of them.

        Returns:
            Whether rows were removed.
        """
        limit = self._settings.retention_batch_rows
        count = self._value(COUNT_KEPT, table, {**chunk.parameters(), "limit": limit + 1})
        if count > limit:
            log.info("retention_chunk_kept", table=table.name, chunk=chunk.name, rows_kept_at_least=limit)
            return False
        if count and not self._value(HAS_OLD, table, chunk.parameters()):
            return False
        with self._connection.transaction():
            if count:
                # no row may be written between the copy and the drop
                self._connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(chunk.identifier))
                self._run(COPY_KEPT, table, chunk.parameters())
            self._connection.execute(
                "SELECT drop_chunks(%s::regclass, older_than => %s, newer_than => %s)",
                [table.name, chunk.end, chunk.start],
            )
            if count:
                kept_rows = self._connection.execute("SELECT * FROM retention_kept LIMIT 0")
                columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in kept_rows.description or ())
                self._connection.execute(sql.SQL(PUT_BACK).format(table=sql.Identifier(table.name), columns=columns))
        return True

    def _value(self, statement: LiteralString, table: RetainedTable, parameters: Mapping[str, object]) -> int:
        row = self._run(statement, table, parameters).fetchone()
        return int(row[0]) if row else 0

    def _run(
        self, statement: LiteralString, table: RetainedTable, parameters: Mapping[str, object] | None = None
    ) -> psycopg.Cursor:
        names = {
            "table": sql.Identifier(table.name),
            "time": sql.Identifier(table.time),
            "newest": table.newest,
            "key": sql.SQL(", ").join(map(sql.Identifier, table.key)),
        }
        return self._connection.execute(sql.SQL(statement).format(**names), parameters)

    def _delete(self, table: RetainedTable, kept: timedelta, give_up: Callable[[], bool]) -> int:
        limit, total = self._settings.retention_batch_rows, 0
        while not give_up():
            gone = self._run(DELETE_OLD, table, {"kept": kept, "limit": limit}).rowcount
            total += gone
            if gone < limit:
                break
        return total

    def _compress(self, table: RetainedTable, before: datetime) -> int:
        options = sql.SQL(
            "ALTER TABLE {} SET (timescaledb.compress, timescaledb.compress_segmentby = 'series_key',"
            " timescaledb.compress_orderby = {})"
        )
        enabled = self._connection.execute(
            "SELECT compression_enabled FROM timescaledb_information.hypertables WHERE hypertable_name = %s",
            [table.name],
        ).fetchone()
        if not (enabled and enabled[0]):
            name, order = sql.Identifier(table.name), sql.Literal(f"{table.time} DESC")
            self._connection.execute(options.format(name, order))
        chunks = self._connection.execute(
            "SELECT format('%%I.%%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks"
            " WHERE hypertable_name = %s AND range_end <= %s AND NOT is_compressed",
            [table.name, before],
        ).fetchall()
        for (chunk,) in chunks:
            self._connection.execute("SELECT compress_chunk(%s::regclass)", [chunk])
        return len(chunks)


def run_retention(settings: RetentionSettings, *, repeat: bool, say: Callable[[str], None]) -> None:
    """Run once, or repeatedly until SIGTERM or SIGINT, which takes effect between two batches.

    Args:
        settings: days of each table.
        repeat: whether to repeat.
        say: prints a line.

    Raises:
        StorageError: TimescaleDB does not answer.
    """
    stop = threading.Event()
    stop_on_signals(stop)
    while not stop.is_set():
        with connect(settings.owner_database_url, autocommit=True) as connection:
            run = Retention(connection, settings, wall_clock)
            for removed in run.run(stop.is_set):
                say(f"{removed.table}: {removed.count:,} {removed.unit} removed, before {format_utc(removed.before)}")
            say(run.compress())
        if not repeat:
            return
        stop.wait(settings.retention_every_h * 3600)
