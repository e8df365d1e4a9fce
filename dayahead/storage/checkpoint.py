"""The one transaction of a micro-batch: everything that its messages made, and the offset that moves with it."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg
import structlog
from numpy.typing import NDArray

from dayahead.hours import to_microseconds
from dayahead.storage.binary_copy import (
    Block,
    big_integers,
    copy_rows,
    doubles,
    hours,
    integers,
    moments,
    nulls,
    real_arrays,
    same_text,
    small_integers,
)
from dayahead.storage.keyed_tables import FEATURE_SNAPSHOT, FORECAST, OBSERVATION, SCORE
from dayahead.storage.tables.accuracy_day import AccuracyDays
from dayahead.storage.tables.forecast import ForecastRows
from dayahead.storage.tables.score import ScoreRows
from dayahead.storage.tables.worker_offset import Claim, Move, move_offset

log = structlog.get_logger()

NO_LEADS = 0
WITHOUT_FORECAST = 5


KEYED = (OBSERVATION, FORECAST, FEATURE_SNAPSHOT, SCORE)

INCOMING_REVISION = """
    CREATE TEMPORARY TABLE IF NOT EXISTS incoming_revision
        (series_key integer, valid_time timestamptz, value double precision, available_at timestamptz)
        ON COMMIT DELETE ROWS
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

    def block(self) -> Block:
        """Without the moment of recording, which the table gives them."""
        return [integers(self.series_key), hours(self.hour), doubles(self.value), moments(self.available_us)]


@dataclass(frozen=True)
class CurrentRows(Versions):
    """Current versions of hours, each series and hour once.

    Attributes:
        confirmed_us: int64 [n], when the value was published last, no earlier than available_us.
    """

    confirmed_us: NDArray[np.int64]

    def take(self, rows: NDArray[np.bool_]) -> "CurrentRows":
        """Some of the rows."""
        return CurrentRows(**{name: column[rows] for name, column in vars(self).items()})

    def blocks(self, recorded_at: datetime) -> list[Block]:
        """Columns of `observation`, which leaves the second moment out where it is the first."""
        again = self.confirmed_us != self.available_us
        once, twice = self.take(~again), self.take(again)
        recorded_us = to_microseconds(recorded_at)
        return [
            [*rows.block(), confirmed, moments(np.full(len(rows.hour), recorded_us, np.int64))]
            for rows, confirmed in ((once, nulls(len(once.hour))), (twice, moments(twice.confirmed_us)))
        ]


@dataclass(frozen=True)
class New:
    """Rows of a checkpoint that the tables cannot have yet; all others may be there.

    Attributes:
        observations: bool [observations].
        forecasts: bool [forecasts].
        scores: bool [scores].
    """

    observations: NDArray[np.bool_]
    forecasts: NDArray[np.bool_]
    scores: NDArray[np.bool_]

    @classmethod
    def none_of(cls, observations: int, forecasts: int, scores: int) -> "New":
        """All may be there."""
        return cls(*(np.zeros(count, np.bool_) for count in (observations, forecasts, scores)))


@dataclass(frozen=True)
class Checkpoint:
    """What one transaction writes.

    Attributes:
        observations: versions that are current, where something of them is new.
        revisions: versions that are not, or no longer, current.
        forecasts: each series and origin once.
        features: float32 [forecasts, k], snapshots at the same origins.
        scores: each series and origin once.
        accuracy: the sums of these scores.
        new: which of them are new.
        move: of the partition's offset.
    """

    observations: CurrentRows
    revisions: Versions
    forecasts: ForecastRows
    features: NDArray[np.float32]
    scores: ScoreRows
    accuracy: AccuracyDays
    new: New
    move: Move


class CheckpointWriter:
    """Writes checkpoints over one connection; its temporary tables live as long as that."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        with connection.transaction():
            connection.execute("SET client_min_messages = warning")
            for made in (INCOMING_REVISION, *(table.made for table in KEYED)):
                connection.execute(made.encode())

    def write(self, claim: Claim, checkpoint: Checkpoint, now: datetime) -> None:
        """Write everything and move the offset, or nothing at all.

        Raises:
            FencedError: the partition is another worker's by now.
            psycopg.OperationalError: the server went away; whether it had committed is told by `still_holds`.
        """
        try:
            self._write(claim, checkpoint, checkpoint.new, now)
        except psycopg.errors.UniqueViolation as error:
            # Only another hand than a worker's can have put it there; the log has the last word.
            log.warning("row_was_there", partition=claim.partition, error=str(error))
            rows = checkpoint
            nothing_new = New.none_of(len(rows.observations.hour), len(rows.forecasts), len(rows.scores))
            self._write(claim, checkpoint, nothing_new, now)

    def _write(self, claim: Claim, checkpoint: Checkpoint, new: New, now: datetime) -> None:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            # First, so that a worker that lost the partition waits for nothing and writes nothing.
            move_offset(cursor, claim, checkpoint.move, now)
            if copy_rows(cursor, "incoming_revision", [checkpoint.revisions.block()]):
                cursor.execute(REVISIONS, {"now": now})
            observations, forecasts = checkpoint.observations, checkpoint.forecasts
            OBSERVATION.put(
                cursor,
                observations.take(new.observations).blocks(now),
                observations.take(~new.observations).blocks(now),
            )
            FORECAST.put(
                cursor,
                _forecast_blocks(forecasts.take(new.forecasts)),
                _forecast_blocks(forecasts.take(~new.forecasts)),
            )
            FEATURE_SNAPSHOT.put(
                cursor,
                [_snapshot_block(forecasts, checkpoint.features, new.forecasts)],
                [_snapshot_block(forecasts, checkpoint.features, ~new.forecasts)],
            )
            SCORE.put(
                cursor,
                _score_blocks(checkpoint.scores.take(new.scores)),
                _score_blocks(checkpoint.scores.take(~new.scores)),
                lambda: checkpoint.accuracy.add(cursor, claim.partition),
            )


def _forecast_blocks(rows: ForecastRows) -> list[Block]:
    without = rows.rung == WITHOUT_FORECAST
    blocks: list[Block] = []
    for release in _releases(rows.release):
        for leads, here in ((rows.p50.shape[1], ~without), (NO_LEADS, without)):
            part = rows.take(here & (rows.release == release))
            block = [
                integers(part.series_key),
                hours(part.origin),
                moments(part.issued_us),
                same_text(release, len(part)),
                small_integers(part.rung),
                integers(part.reasons),
                real_arrays(part.p50[:, :leads]),
                real_arrays(part.p10[:, :leads]),
                real_arrays(part.p90[:, :leads]),
                big_integers(part.message_offset),
            ]
            blocks.append(block)
    return blocks


def _snapshot_block(rows: ForecastRows, features: NDArray[np.float32], chosen: NDArray[np.bool_]) -> Block:
    return [integers(rows.series_key[chosen]), hours(rows.origin[chosen]), real_arrays(features[chosen])]


def _score_blocks(rows: ScoreRows) -> list[Block]:
    blocks: list[Block] = []
    for release in _releases(rows.release):
        part = rows.take(rows.release == release)
        sums = part.sums
        block = [
            integers(part.series_key),
            hours(part.origin),
            same_text(release, len(part)),
            small_integers(part.rung),
            small_integers(sums.hours),
            doubles(sums.absolute_error),
            doubles(sums.absolute_actual),
            doubles(sums.percentage_error),
            small_integers(sums.percentage_hours),
            doubles(sums.signed_error),
            doubles(sums.naive_error),
            doubles(sums.daily_naive_error),
            small_integers(sums.naive_hours),
            doubles(sums.naive_actual),
            doubles(sums.model_error_where_naive),
            small_integers(sums.covered),
            doubles(sums.pinball),
            real_arrays(sums.lead_error),
        ]
        blocks.append(block)
    return blocks


def _releases(ids: NDArray[np.object_]) -> list[str | None]:
    """The ids of releases among these, each once; None is one of them."""
    return list(dict.fromkeys(ids.tolist()))
