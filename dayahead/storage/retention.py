"""Removes rows that are older than the settings keep them: whole chunks of hypertables, batches of the other tables.

The days of a row are counted from the newest hour of its own series: a source that lags, or one of another time, keeps
its newest forecasts, and what they are computed from, however new the hours of other sources are.
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
from dayahead.storage.tables.retention_cut import note_cut

log = structlog.get_logger()

LEAST_DAYS = 60
"""Days that are always kept: a forecast sees 38 of them, and late revisions are scored again."""

COMPRESSING_LICENCE = "timescale"


@dataclass(frozen=True)
class RetainedTable:
    """A table of which old rows may be removed.

    Attributes:
        name: of the table.
        time: column that says how old a row is.
        chunked: whether it is a hypertable, of which chunks are dropped whole.
        key: columns that name the series of a row, or its group: days are counted from its newest hour.
    """

    name: str
    time: str
    chunked: bool
    key: tuple[str, ...] = ("series_key",)

    @property
    def newest(self) -> sql.Identifier:
        """The temporary table of `Retention` that has the newest hour by `key`."""
        return sql.Identifier("newest_by_" + "_".join(self.key))


TABLES = (
    RetainedTable("observation", "valid_time", chunked=True),
    RetainedTable("feature_snapshot", "origin", chunked=True),
    RetainedTable("forecast", "origin", chunked=True),
    RetainedTable("score", "origin", chunked=True),
    RetainedTable("observation_revision", "valid_time", chunked=False),
    RetainedTable("accuracy_day", "day", chunked=False, key=("area", "unit")),
    RetainedTable("drift_event", "valid_time", chunked=False),
    RetainedTable("training_quarantine", "valid_until", chunked=False),
)


NEWEST = (
    b"DROP TABLE IF EXISTS newest_by_series_key, newest_by_area_unit",
    b"""
    CREATE TEMPORARY TABLE newest_by_series_key AS
    SELECT series.series_key, series.area, series.unit, series.source_key,
           least(observation.valid_time, %(now)s) AS newest
    FROM series CROSS JOIN LATERAL (
        SELECT valid_time FROM observation WHERE series_key = series.series_key ORDER BY valid_time DESC LIMIT 1
    ) AS observation
    """,
    # of an area that two sources share, the source that lags decides
    b"""
    CREATE TEMPORARY TABLE newest_by_area_unit AS
    SELECT area, unit, min(newest) AS newest
    FROM (SELECT area, unit, max(newest) AS newest FROM newest_by_series_key GROUP BY area, unit, source_key) AS source
    GROUP BY area, unit
    """,
    b"ANALYZE newest_by_series_key",
)
"""Statements that find the newest hour by series, and by area and unit; `now` where that lies ahead."""

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
    """Settings of `dayahead retention`: how many days each table keeps, 0 for all.

    They are counted from the newest hour of the series.
    """

    owner_database_url: SecretStr = Field(
        default=SecretStr("postgresql://dayahead_owner@127.0.0.1:5432/dayahead"),
        description="TimescaleDB, as a postgresql:// URL of the role that owns the tables",
    )
    retain_observation_days: int = Field(
        default=0,
        ge=0,
        description="Days of observation that are kept, 60 or more; 0 keeps all. Trainings learn from it",
    )
    retain_observation_revision_days: int = Field(
        default=0, ge=0, description="Days of observation_revision that are kept, 60 or more; 0 keeps all"
    )
    retain_feature_snapshot_days: int = Field(
        default=0, ge=0, description="Days of feature_snapshot that are kept, 60 or more; 0 keeps all"
    )
    retain_forecast_days: int = Field(
        default=0, ge=0, description="Days of forecast that are kept, 60 or more; 0 keeps all"
    )
    retain_score_days: int = Field(default=0, ge=0, description="Days of score that are kept, 60 or more; 0 keeps all")
    retain_accuracy_day_days: int = Field(
        default=0, ge=0, description="Days of accuracy_day that are kept, 60 or more; 0 keeps all"
    )
    retain_drift_event_days: int = Field(
        default=0, ge=0, description="Days of drift_event that are kept, 60 or more; 0 keeps all"
    )
    retain_training_quarantine_days: int = Field(
        default=0, ge=0, description="Days of training_quarantine that are kept, 60 or more; 0 keeps all"
    )
    compress_after_days: int = Field(
        default=0,
        ge=0,
        description="Days after which chunks are compressed, 60 or more; 0 for never. Needs TimescaleDB's own licence",
    )
    retention_batch_rows: int = Field(
        default=50_000, ge=1_000, description="Rows that one transaction of `dayahead retention` deletes at most"
    )
    retention_every_h: float = Field(default=24.0, gt=0, description="Hours between two runs of `retention --repeat`")

    @model_validator(mode="after")
    def _keep_what_the_service_needs(self) -> Self:
        for name in ("compress_after_days", *(f"retain_{table.name}_days" for table in TABLES)):
            if 0 < (days := getattr(self, name)) < LEAST_DAYS:
                raise ValueError(
                    f"{PREFIX}{name.upper()}: {days} days are fewer than the {LEAST_DAYS} that the service reads: "
                    f"set {LEAST_DAYS} or more, or 0"
                )
        return self


@dataclass(frozen=True)
class Removed:
    """What was removed of a table.

    Attributes:
        table: its name.
        before: of the newest series, rows of hours before this one went; of a hypertable, of chunks that end by then.
        count: chunks or rows.
        unit: `chunks` or `rows`.
    """

    table: str
    before: datetime
    count: int
    unit: str


@dataclass(frozen=True)
class _Chunk:
    """A chunk that ends before the newest series' cut.

    Attributes:
        name: schema, dot, name.
        start: first moment that it holds.
        end: moment behind its last.
        kept: how long before its newest hour a series keeps rows.
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
    """One run over all tables; a run that is interrupted has removed whole batches, and the next one goes on."""

    def __init__(self, connection: psycopg.Connection, settings: RetentionSettings, clock: Clock) -> None:
        """Prepare.

        Args:
            connection: of the owner, in autocommit mode.
            settings: days of each table.
            clock: the present moment.
        """
        self._connection, self._settings, self._clock = connection, settings, clock

    def run(self, give_up: Callable[[], bool] = lambda: False) -> list[Removed]:
        """Remove what is too old; returns what went, table by table.

        Args:
            give_up: asked between two batches.
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
            note_cut(self._connection, table.name, before)  # first: what is gone must never count as never there
            if table.chunked:
                removed.append(Removed(table.name, before, self._remove_chunks(table, before, kept, give_up), "chunks"))
            else:
                removed.append(Removed(table.name, before, self._delete(table, kept, give_up), "rows"))
            log.info("retention", table=table.name, before=before.isoformat(), removed=removed[-1].count)
        return removed

    def compress(self) -> str:
        """Compress the chunks that the settings call old.

        Returns:
            What was done, or why not, in a sentence.
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
        """The newest hour of any series, or now where that lies ahead: a replay of old data is not all old."""
        row = self._connection.execute("SELECT max(valid_time) FROM observation").fetchone()
        return min(row[0].astimezone(UTC), self._clock()) if row and row[0] else None

    def _note_newest(self) -> None:
        """Keep the newest hour of each series, and of each area and unit, in temporary tables."""
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
        """Drop a chunk, with the rows put back that series behind the others keep; leave one that has many of them.

        Returns:
            Whether rows went.
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
                # no row may come between the copy and the drop
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
    """Run once, or every so many hours until SIGTERM or SIGINT, which is heard between two batches.

    Args:
        settings: days of each table.
        repeat: whether it goes on.
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
                say(
                    f"{removed.table}: {removed.count:,} {removed.unit} removed, of before {format_utc(removed.before)}"
                )
            say(run.compress())
        if not repeat:
            return
        stop.wait(settings.retention_every_h * 3600)
