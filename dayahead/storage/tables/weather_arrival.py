"""Table `weather_arrival`: which publications of weather a partition of `observations` has brought, and where first.

The weather that a partition knew at an offset is the set of publications that arrived in it before. How often one
arrived does not matter (dayahead.weather.timeline), so its first offset is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from dayahead.storage.tables.weather_run import COLUMNS, WeatherRun, run_of, write_runs
from dayahead.weather.timeline import KEPT_HOURS
from dayahead.weather.values import Variable

WRITE = """
    INSERT INTO weather_arrival (topic, partition, run_id, log_offset)
    VALUES (%(topic)s, %(partition)s, %(run_id)s, %(log_offset)s)
    ON CONFLICT (topic, partition, run_id) DO NOTHING
"""

# Publications that end before the hours that a timeline keeps would change nothing.
ARRIVED = f"""
    WITH arrived AS (
        SELECT run.*, CASE run.kind WHEN 'run' THEN run.start ELSE run.ends_at END AS reaches
        FROM weather_arrival JOIN weather_run AS run USING (run_id)
        WHERE topic = %(topic)s AND partition = %(partition)s AND run.variable = %(variable)s
          AND (%(before)s::bigint IS NULL OR log_offset < %(before)s)
          AND (%(source)s::text IS NULL OR run.source = %(source)s)
          AND (%(locations)s::text[] IS NULL OR run.location = ANY(%(locations)s))
    )
    SELECT {COLUMNS} FROM arrived AS run
    JOIN (SELECT source, location, max(reaches) AS newest FROM arrived GROUP BY source, location) AS place
        USING (source, location)
    WHERE run.ends_at > place.newest - %(kept)s
    ORDER BY run.run_id
"""  # noqa: S608 - the names are the code's own

# A deployment has new topics where its partitions were changed (docs/scaling.md).
TAKE_OVER = """
    INSERT INTO weather_arrival (topic, partition, run_id, log_offset)
    SELECT DISTINCT %(topic)s::text, %(partition)s::integer, run_id, -1 FROM weather_arrival WHERE topic <> %(topic)s
    ON CONFLICT (topic, partition, run_id) DO NOTHING
"""

# Without any publication of its own, a location has none that could be old.
DELETE_OLD = """
    DELETE FROM weather_arrival WHERE (topic, partition, run_id) IN (
        SELECT arrival.topic, arrival.partition, arrival.run_id
        FROM weather_arrival AS arrival JOIN weather_run AS run USING (run_id)
        JOIN (
            SELECT topic, partition, source, location, least(max(start), %(now)s) AS newest
            FROM weather_arrival JOIN weather_run USING (run_id)
            GROUP BY topic, partition, source, location
        ) AS place USING (topic, partition, source, location)
        WHERE run.ends_at < place.newest - %(kept)s
        LIMIT %(limit)s
    )
"""

LEAST_KEPT_DAYS = KEPT_HOURS // 24 + 31
"""Days that arrivals are kept at least: what a timeline holds, and a month more for forecasts that are audited."""


@dataclass(frozen=True)
class Arrival:
    """A publication that a message of `observations` has brought.

    Attributes:
        offset: of the message.
        run: the publication.
    """

    offset: int
    run: WeatherRun


def write_arrivals(
    cursor: psycopg.Cursor, topic: str, partition: int, arrivals: Sequence[Arrival], now: datetime
) -> None:
    """Write publications, and that they arrived; what is there already stays as it is.

    Args:
        cursor: of an open transaction.
        topic: full name of the topic.
        partition: of the topic.
        arrivals: in the order of the log.
        now: when they are recorded.
    """
    if not arrivals:
        return
    write_runs(cursor, [arrival.run for arrival in arrivals], now)
    rows = [
        {"topic": topic, "partition": partition, "run_id": arrival.run.run_id, "log_offset": arrival.offset}
        for arrival in arrivals
    ]
    cursor.executemany(WRITE, rows)


def read_arrived(
    connection: psycopg.Connection,
    topic: str,
    partition: int,
    *,
    before: int | None = None,
    source: str | None = None,
    locations: Sequence[str] | None = None,
    variable: Variable = Variable.TEMPERATURE,
) -> list[WeatherRun]:
    """Read the publications of a partition that its timelines depend on.

    Args:
        connection: an open connection.
        topic: full name of the topic.
        partition: of the topic.
        before: only those that arrived before this offset; None for all.
        source: name of a weather source; None for all.
        locations: None for all.
        variable: which values.
    """
    given = {
        "topic": topic,
        "partition": partition,
        "before": before,
        "source": source,
        "locations": None if locations is None else list(locations),
        "variable": variable.value,
        "kept": timedelta(hours=KEPT_HOURS),
    }
    return [run_of(row) for row in connection.execute(ARRIVED.encode(), given)]


def begin_log_again(connection: psycopg.Connection, topic: str, partition: int) -> None:
    """Note that all publications of a partition arrived before a log that was created again; the caller commits."""
    connection.execute(
        "UPDATE weather_arrival SET log_offset = -1 WHERE topic = %s AND partition = %s", [topic, partition]
    )


def take_over_arrivals(connection: psycopg.Connection, topic: str, partition: int) -> None:
    """Note that what partitions of other topics know arrived before the log of a new partition; the caller commits.

    Not what other partitions of the same topic know: their messages come to this partition too, in its own order.
    """
    connection.execute(TAKE_OVER.encode(), {"topic": topic, "partition": partition})


def delete_old_arrivals(connection: psycopg.Connection, kept: timedelta, now: datetime, limit: int) -> int:
    """Delete arrivals of publications that end longer ago than `kept` before the newest of their location.

    Args:
        connection: of the owner.
        kept: age that is kept, LEAST_KEPT_DAYS or more.
        now: the present moment: a run of the future makes no other run old.
        limit: the most that are deleted.

    Returns:
        How many were deleted.
    """
    return connection.execute(DELETE_OLD, {"kept": kept, "now": now, "limit": limit}).rowcount
