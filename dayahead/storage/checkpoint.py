"""The one transaction of a micro-batch: everything that its messages made, and the offset that moves with it."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.storage.binary_copy import (
    Column,
    big_integers,
    copy_rows,
    doubles,
    hours,
    integers,
    moments,
    real_arrays,
    small_integers,
)
from dayahead.storage.forecast_rows import ForecastRows
from dayahead.storage.score_rows import ScoreRows
from dayahead.storage.worker_offsets import Claim, Move, move_offset

NO_LEADS = 0
WITHOUT_FORECAST = 5

TEMPORARY_TABLES = """
    CREATE TEMPORARY TABLE IF NOT EXISTS incoming_observation
        (series_key integer, valid_time timestamptz, value double precision, available_at timestamptz,
         confirmed_at timestamptz)
        ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE IF NOT EXISTS incoming_revision
        (series_key integer, valid_time timestamptz, value double precision, available_at timestamptz)
        ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE IF NOT EXISTS incoming_forecast
        (series_key integer, origin timestamptz, issued_at timestamptz, release smallint, rung smallint,
         reasons integer, p50 real[], p10 real[], p90 real[], message_offset bigint)
        ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE IF NOT EXISTS incoming_snapshot
        (series_key integer, origin timestamptz, features real[]) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE IF NOT EXISTS incoming_score
        (series_key integer, origin timestamptz, release smallint, rung smallint, hours smallint,
         absolute_error double precision, absolute_actual double precision, percentage_error double precision,
         percentage_hours smallint, signed_error double precision, naive_error double precision, naive_hours smallint,
         naive_actual double precision, model_error_where_naive double precision, covered smallint,
         pinball double precision, lead_error real[])
        ON COMMIT DELETE ROWS;
"""

# Before the observations: a version that was current takes the moment at which we learnt it along.
REVISIONS = """
    INSERT INTO observation_revision (series_key, valid_time, available_at, value, recorded_at)
    SELECT i.series_key, i.valid_time, i.available_at, i.value, coalesce(o.recorded_at, %(now)s)
    FROM incoming_revision i
    LEFT JOIN observation o
        ON o.series_key = i.series_key AND o.valid_time = i.valid_time
        AND o.available_at = i.available_at AND o.value = i.value
    ON CONFLICT DO NOTHING
"""

OBSERVATIONS = """
    INSERT INTO observation (series_key, valid_time, value, available_at, confirmed_at, recorded_at)
    SELECT series_key, valid_time, value, available_at, nullif(confirmed_at, available_at), %(now)s
    FROM incoming_observation
    ON CONFLICT (series_key, valid_time) DO UPDATE
        SET value = excluded.value, available_at = excluded.available_at, confirmed_at = excluded.confirmed_at,
            recorded_at = CASE WHEN observation.value = excluded.value THEN observation.recorded_at
                               ELSE excluded.recorded_at END
"""

SNAPSHOTS = """
    INSERT INTO feature_snapshot (series_key, origin, features)
    SELECT series_key, origin, features FROM incoming_snapshot
    ON CONFLICT (series_key, origin) DO UPDATE SET features = excluded.features
"""

FORECASTS = """
    INSERT INTO forecast
        (series_key, origin, issued_at, release, rung, reasons, p50, p10, p90, message_offset)
    SELECT series_key, origin, issued_at, (%(releases)s::text[])[release], rung, reasons, p50, p10, p90, message_offset
    FROM incoming_forecast
    ON CONFLICT (series_key, origin) DO UPDATE
        SET issued_at = excluded.issued_at, release = excluded.release, rung = excluded.rung,
            reasons = excluded.reasons, p50 = excluded.p50, p10 = excluded.p10, p90 = excluded.p90,
            message_offset = excluded.message_offset
"""

SCORES = """
    INSERT INTO score
        (series_key, origin, release, rung, hours, absolute_error, absolute_actual, percentage_error, percentage_hours,
         signed_error, naive_error, naive_hours, naive_actual, model_error_where_naive, covered, pinball, lead_error)
    SELECT series_key, origin, (%(releases)s::text[])[release], rung, hours, absolute_error, absolute_actual,
           percentage_error, percentage_hours, signed_error, naive_error, naive_hours, naive_actual,
           model_error_where_naive, covered, pinball, lead_error
    FROM incoming_score
    ON CONFLICT (series_key, origin) DO UPDATE
        SET release = excluded.release, rung = excluded.rung, hours = excluded.hours,
            absolute_error = excluded.absolute_error, absolute_actual = excluded.absolute_actual,
            percentage_error = excluded.percentage_error, percentage_hours = excluded.percentage_hours,
            signed_error = excluded.signed_error, naive_error = excluded.naive_error,
            naive_hours = excluded.naive_hours, naive_actual = excluded.naive_actual,
            model_error_where_naive = excluded.model_error_where_naive, covered = excluded.covered,
            pinball = excluded.pinball, lead_error = excluded.lead_error
"""


@dataclass(frozen=True)
class Versions:
    """Versions of hours that are not current, or no longer.

    Attributes:
        series_key: int64 [n].
        hour: int64 [n].
        value: float64 [n], in the unit of the series.
        available_us: int64 [n], microseconds since 1970.
    """

    series_key: NDArray[np.int64]
    hour: NDArray[np.int64]
    value: NDArray[np.float64]
    available_us: NDArray[np.int64]

    def columns(self) -> list[Column]:
        """For the temporary tables."""
        return [integers(self.series_key), hours(self.hour), doubles(self.value), moments(self.available_us)]


@dataclass(frozen=True)
class CurrentRows(Versions):
    """Current versions of hours, each series and hour once.

    Attributes:
        confirmed_us: int64 [n], when the value was published last, no earlier than available_us.
    """

    confirmed_us: NDArray[np.int64]

    def columns(self) -> list[Column]:
        """For the temporary tables."""
        return [*super().columns(), moments(self.confirmed_us)]


@dataclass(frozen=True)
class Checkpoint:
    """What one transaction writes.

    Attributes:
        observations: versions that are current, where something of them is new.
        revisions: versions that are not, or no longer, current.
        forecasts: each series and origin once.
        features: float32 [forecasts, k], snapshots at the same origins.
        scores: each series and origin once.
        move: of the partition's offset.
    """

    observations: CurrentRows
    revisions: Versions
    forecasts: ForecastRows
    features: NDArray[np.float32]
    scores: ScoreRows
    move: Move


class CheckpointWriter:
    """Writes checkpoints over one connection; its temporary tables live as long as that."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        with connection.transaction():
            connection.execute("SET client_min_messages = warning")
            connection.execute(TEMPORARY_TABLES)

    def write(self, claim: Claim, checkpoint: Checkpoint, now: datetime) -> None:
        """Write everything and move the offset, or nothing at all.

        Raises:
            FencedError: the partition is another worker's by now.
            psycopg.OperationalError: the server went away; whether it had committed is told by `still_holds`.
        """
        with self._connection.transaction(), self._connection.cursor() as cursor:
            # First, so that a worker that lost the partition waits for nothing and writes nothing.
            move_offset(cursor, claim, checkpoint.move, now)
            if copy_rows(cursor, "incoming_revision", [checkpoint.revisions.columns()]):
                cursor.execute(REVISIONS, {"now": now})
            if copy_rows(cursor, "incoming_observation", [checkpoint.observations.columns()]):
                cursor.execute(OBSERVATIONS, {"now": now})
            if len(checkpoint.forecasts):
                self._write_forecasts(cursor, checkpoint)
            if len(checkpoint.scores):
                self._write_scores(cursor, checkpoint.scores)

    @staticmethod
    def _write_forecasts(cursor: psycopg.Cursor, checkpoint: Checkpoint) -> None:
        rows = checkpoint.forecasts
        releases, codes = _coded(rows.release)
        without = rows.rung == WITHOUT_FORECAST
        blocks = []
        for chosen, leads in ((~without, rows.p50.shape[1]), (without, NO_LEADS)):
            blocks.append(
                [
                    integers(rows.series_key[chosen]),
                    hours(rows.origin[chosen]),
                    moments(rows.issued_us[chosen]),
                    small_integers(codes[chosen]),
                    small_integers(rows.rung[chosen]),
                    integers(rows.reasons[chosen]),
                    real_arrays(rows.p50[chosen][:, :leads]),
                    real_arrays(rows.p10[chosen][:, :leads]),
                    real_arrays(rows.p90[chosen][:, :leads]),
                    big_integers(rows.message_offset[chosen]),
                ]
            )
        copy_rows(cursor, "incoming_forecast", blocks)
        cursor.execute(FORECASTS, {"releases": releases})
        snapshot = [integers(rows.series_key), hours(rows.origin), real_arrays(checkpoint.features)]
        copy_rows(cursor, "incoming_snapshot", [snapshot])
        cursor.execute(SNAPSHOTS)

    @staticmethod
    def _write_scores(cursor: psycopg.Cursor, rows: ScoreRows) -> None:
        releases, codes = _coded(rows.release)
        sums = rows.sums
        block = [
            integers(rows.series_key),
            hours(rows.origin),
            small_integers(codes),
            small_integers(rows.rung),
            small_integers(sums.hours),
            doubles(sums.absolute_error),
            doubles(sums.absolute_actual),
            doubles(sums.percentage_error),
            small_integers(sums.percentage_hours),
            doubles(sums.signed_error),
            doubles(sums.naive_error),
            small_integers(sums.naive_hours),
            doubles(sums.naive_actual),
            doubles(sums.model_error_where_naive),
            small_integers(sums.covered),
            doubles(sums.pinball),
            real_arrays(sums.lead_error),
        ]
        copy_rows(cursor, "incoming_score", [block])
        cursor.execute(SCORES, {"releases": releases})


def _coded(releases: NDArray[np.object_]) -> tuple[list[str], NDArray[np.int16]]:
    """Ids, and for each row the place of its id among them from 1 on; 0 for None."""
    ids = sorted({release for release in releases.tolist() if release is not None})
    places = {release: place for place, release in enumerate(ids, 1)}
    return ids, np.array([places.get(release, 0) for release in releases.tolist()], np.int16)
