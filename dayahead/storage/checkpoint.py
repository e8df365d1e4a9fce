"""The single transaction of a micro-batch: all its results, and the new offset."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import psycopg
import structlog
from numpy.typing import NDArray

from dayahead.storage.tables.accuracy_day import AccuracyDays
from dayahead.storage.tables.day_ahead import mark_changed
from dayahead.storage.tables.day_score import DAY_SCORE, DayScoreRows, copy_day_scores, replace_day_scores
from dayahead.storage.tables.feature_snapshot import FEATURE_SNAPSHOT, SnapshotRows, write_snapshots
from dayahead.storage.tables.forecast import (
    FORECAST,
    ForecastRows,
    copy_forecasts,
    replace_forecasts,
    write_new_forecasts,
)
from dayahead.storage.tables.forecast_superseded import keep_superseded
from dayahead.storage.tables.observation import OBSERVATION, CurrentRows, write_observations
from dayahead.storage.tables.observation_revision import OBSERVATION_REVISION, Versions, write_revisions
from dayahead.storage.tables.score import SCORE, ScoreRows, copy_scores, replace_scores
from dayahead.storage.tables.weather_arrival import Arrival, write_arrivals
from dayahead.storage.tables.worker_offset import Claim, Move, move_offset

log = structlog.get_logger()

TABLES = (OBSERVATION_REVISION, OBSERVATION, FORECAST, FEATURE_SNAPSHOT, SCORE, DAY_SCORE)


@dataclass(frozen=True)
class New:
    """Marks rows of a checkpoint that cannot be in the tables yet; all others may be.

    Attributes:
        observations: bool [observations].
        forecasts: bool [forecasts].
        scores: bool [scores].
        day_scores: bool [scores of later days].
    """

    observations: NDArray[np.bool_]
    forecasts: NDArray[np.bool_]
    scores: NDArray[np.bool_]
    day_scores: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

    @classmethod
    def none_of(cls, observations: int, forecasts: int, scores: int, day_scores: int = 0) -> "New":
        """Mark no row as new."""
        return cls(*(np.zeros(count, np.bool_) for count in (observations, forecasts, scores, day_scores)))


@dataclass(frozen=True)
class ChangedHours:
    """Hours whose change makes a score of a day product stale.

    Attributes:
        series_key: int64 [n].
        hour: int64 [n].
    """

    series_key: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    hour: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))


@dataclass(frozen=True)
class Checkpoint:
    """The content of one transaction.

    Attributes:
        observations: current versions that are new or changed.
        revisions: versions that never were, or no longer are, current.
        forecasts: each series and origin once.
        features: float32 [forecasts, k], snapshots at the same origins.
        scores: each series and origin once.
        accuracy: the sums of these scores.
        new: which of them are new.
        move: of the partition's offset.
        changed: hours of series with day products that were revised or came late.
        day_scores: of later days of the horizon, each series, origin and day once.
        day_accuracy: the sums of these scores.
        weather: publications that its messages have brought, in the order of the log.
    """

    observations: CurrentRows
    revisions: Versions
    forecasts: ForecastRows
    features: NDArray[np.float32]
    scores: ScoreRows
    accuracy: AccuracyDays
    new: New
    move: Move
    changed: ChangedHours = field(default_factory=ChangedHours)
    day_scores: DayScoreRows = field(default_factory=DayScoreRows.none)
    day_accuracy: AccuracyDays = field(default_factory=AccuracyDays.none)
    weather: Sequence[Arrival] = ()


class CheckpointWriter:
    """Writes checkpoints over one connection, with temporary tables that last as long as the connection."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        with connection.transaction():
            connection.execute("SET client_min_messages = warning")
            for table in TABLES:
                connection.execute(table.create_incoming.encode())

    def write(self, claim: Claim, checkpoint: Checkpoint, now: datetime) -> None:
        """Write everything and advance the offset, all or nothing.

        Raises:
            FencedError: another worker has taken the partition over.
            psycopg.OperationalError: the connection broke; `still_holds` shows whether the server committed.
        """
        try:
            self._write(claim, checkpoint, checkpoint.new, now)
        except psycopg.errors.UniqueViolation as error:
            # No worker writes such a row, so it was written by hand: the row from the log replaces it.
            log.warning("row_already_present", partition=claim.partition, error=str(error))
            rows = checkpoint
            nothing_new = New.none_of(
                len(rows.observations.hour), len(rows.forecasts), len(rows.scores), len(rows.day_scores)
            )
            self._write(claim, checkpoint, nothing_new, now)

    def _write(self, claim: Claim, checkpoint: Checkpoint, new: New, now: datetime) -> None:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            # First, so that a fenced worker waits for no lock and writes nothing.
            move_offset(cursor, claim, checkpoint.move, now)
            forecasts, scores = checkpoint.forecasts, checkpoint.scores
            write_revisions(cursor, checkpoint.revisions, now)
            write_observations(cursor, checkpoint.observations, new.observations, now)
            mark_changed(cursor, checkpoint.changed.series_key, checkpoint.changed.hour)
            write_new_forecasts(cursor, forecasts.take(new.forecasts))
            issued_again = forecasts.take(~new.forecasts)
            if copy_forecasts(cursor, issued_again):
                keep_superseded(cursor, issued_again)
                replace_forecasts(cursor)
            snapshots = SnapshotRows(forecasts.series_key, forecasts.origin, checkpoint.features)
            write_snapshots(cursor, snapshots, new.forecasts)
            replaces = copy_scores(cursor, scores, new.scores)
            # subtracts the sums of the scores that are replaced next
            checkpoint.accuracy.add(cursor, claim.partition)
            if replaces:
                replace_scores(cursor)
            if len(checkpoint.day_scores):
                replaces = copy_day_scores(cursor, checkpoint.day_scores, new.day_scores)
                checkpoint.day_accuracy.add(cursor, claim.partition, "day_score")
                if replaces:
                    replace_day_scores(cursor)
            # last: other partitions write the same publications, and wait for this transaction
            write_arrivals(cursor, claim.topic, claim.partition, checkpoint.weather, now)
