"""Table `limit_rejection`: values that a worker rejected for the limits of their source, and the losses they add up to.

An hour is lost while no value was published for it since the one that was rejected.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

from dayahead.hours import Hour, from_hour, from_microseconds
from dayahead.storage.tables.limit_loss import StoredLoss

WRITE = """
    INSERT INTO limit_rejection (series_key, valid_time, value, available_at) VALUES (%s, %s, %s, %s)
    ON CONFLICT (series_key, valid_time) DO UPDATE SET value = excluded.value, available_at = excluded.available_at
    WHERE limit_rejection.available_at <= excluded.available_at
"""

FORGET = """
    DELETE FROM limit_rejection AS old
    USING (
        SELECT series_key, max(valid_time) AS newest FROM limit_rejection WHERE series_key = ANY(%s) GROUP BY series_key
    ) AS series
    WHERE old.series_key = series.series_key AND old.valid_time <= series.newest - INTERVAL '168 hours'
"""

READ = """
    WITH week AS (
        SELECT rejected.series_key, series.series_id, source.name AS source,
               greatest(max(rejected.valid_time), (
                   SELECT valid_time FROM observation WHERE observation.series_key = rejected.series_key
                   ORDER BY valid_time DESC LIMIT 1
               )) - INTERVAL '168 hours' AS since
        FROM limit_rejection AS rejected JOIN series USING (series_key) JOIN source USING (source_key)
        WHERE (%(keys)s::integer[] IS NULL OR series_key = ANY(%(keys)s))
          AND (%(partitions)s::integer[] IS NULL OR partition = ANY(%(partitions)s))
        GROUP BY rejected.series_key, series.series_id, source.name
    )
    SELECT week.source, week.series_id, lost.hours AS outside_hours,
           lost.without_another + given.hours AS given_hours, lost.extreme
    FROM week
    CROSS JOIN LATERAL (
        SELECT count(*) AS hours, count(*) FILTER (WHERE observation.valid_time IS NULL) AS without_another,
               (array_agg(rejected.value ORDER BY abs(rejected.value) DESC))[1] AS extreme
        FROM limit_rejection AS rejected LEFT JOIN observation USING (series_key, valid_time)
        WHERE rejected.series_key = week.series_key AND rejected.valid_time > week.since
          AND (observation.valid_time IS NULL
               OR greatest(observation.available_at, observation.confirmed_at) < rejected.available_at)
    ) AS lost
    CROSS JOIN LATERAL (
        SELECT count(*) AS hours FROM observation
        WHERE observation.series_key = week.series_key AND observation.valid_time > week.since
    ) AS given
    WHERE lost.hours > 0
    ORDER BY week.source, week.series_id
"""


@dataclass(frozen=True, slots=True)
class LimitRejection:
    """A value beyond the limits of its source.

    Attributes:
        series_key: a registered series.
        hour: that the value is for.
        value: in the unit of the source.
        available_us: when the source published it, microseconds since 1970.
    """

    series_key: int
    hour: Hour
    value: float
    available_us: int


def write_rejections(connection: psycopg.Connection, rejections: Sequence[LimitRejection]) -> None:
    """Write rejected values of the newest week of each series; idempotent.

    Args:
        connection: an open connection.
        rejections: any number.
    """
    if not rejections:
        return
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            WRITE,
            [
                [one.series_key, from_hour(one.hour), one.value, from_microseconds(one.available_us)]
                for one in rejections
            ],
        )
        cursor.execute(FORGET, [sorted({one.series_key for one in rejections})])


def read_rejected_losses(
    connection: psycopg.Connection,
    *,
    series_keys: Collection[int] | None = None,
    partitions: Collection[int] | None = None,
) -> list[StoredLoss]:
    """Read what series lose by rejections of a worker, in the order of source and series.

    Args:
        connection: an open connection.
        series_keys: only these; None for all.
        partitions: only series of these; None for all.
    """
    parameters = {
        "keys": None if series_keys is None else list(series_keys),
        "partitions": None if partitions is None else list(partitions),
    }
    with connection.cursor(row_factory=class_row(StoredLoss)) as cursor:
        return cursor.execute(READ, parameters).fetchall()
