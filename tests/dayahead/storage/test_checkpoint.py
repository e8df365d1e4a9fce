"""What a checkpoint writes stands in the column of its name, on a real TimescaleDB: no two columns are swapped."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray
from psycopg.rows import dict_row

from dayahead.contracts import Rung
from dayahead.evaluation.score import ScoreBatch, score, score_hours
from dayahead.features import SNAPSHOT_NAMES
from dayahead.horizon import DAY_LEADS
from dayahead.hours import HOUR_US, from_hour, from_microseconds
from dayahead.storage.checkpoint import Checkpoint, CheckpointWriter, New
from dayahead.storage.tables.accuracy_day import AccuracyDays
from dayahead.storage.tables.day_score import DayScoreRows
from dayahead.storage.tables.feature_snapshot import read_snapshot
from dayahead.storage.tables.forecast import ForecastRows
from dayahead.storage.tables.observation import CurrentRows
from dayahead.storage.tables.observation_revision import Versions
from dayahead.storage.tables.score import SUMS, ScoreRows
from dayahead.storage.tables.worker_offset import Claim, Move, claim_partition

pytestmark = pytest.mark.servers

HOUR = 465_000
NOW = datetime(2023, 1, 18, 3, 4, 5, 678_901, tzinfo=UTC)
KEYS = np.arange(11, 17)
RELEASES = np.array(["r-first", None, "r-second", "r-first", None, "r-second"], object)
RUNGS = np.array([Rung.FULL, Rung.PROFILE, Rung.PREVIOUS_RELEASE, Rung.NONE, Rung.NONE, Rung.FULL], np.int8)
LEADS = np.array([24, 50, 408, 0, 0, 50], np.int16)
NEW = np.array([True, False, True, False, True, False])

Rows = Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True)
class Written:
    """A checkpoint, and what the tables have afterwards: rows by series_key, each by the names of its columns."""

    checkpoint: Checkpoint
    claim: Claim
    connection: psycopg.Connection

    def rows(self, table: str) -> Rows:
        with self.connection.cursor(binary=True, row_factory=dict_row) as cursor:
            return {row.pop("series_key"): row for row in cursor.execute(f"SELECT * FROM {table}".encode()).fetchall()}


def made_checkpoint() -> Checkpoint:
    """Rows in which no two columns have the same values."""
    rng = np.random.default_rng(7)
    count = len(KEYS)
    available_us = (HOUR + 1) * HOUR_US + np.arange(count) * 1_000_003
    p50 = rng.normal(100, 10, (count, LEADS.max())).astype(np.float32)
    p50[np.arange(LEADS.max()) >= LEADS[:, None]] = np.nan
    actual = rng.normal(100, 10, (count, score_hours()))
    actual[:, -3] = np.nan  # leads without an actual
    actual[0, [20, 164]] = np.nan  # a lead without a naive: neither the day nor the week before is known
    actual[5, :-DAY_LEADS], actual[5, -1] = (
        0.0,
        0.0,
    )  # a lead without a percentage: the usual level is 0, and so is the actual
    p10, p90 = p50 - 5, p50 + 6
    sums = score(actual, p10[:, :DAY_LEADS], p50[:, :DAY_LEADS], p90[:, :DAY_LEADS])
    scores = ScoreRows(KEYS, np.full(count, HOUR - 24), RELEASES, RUNGS, sums)
    reversed_sums = sums.take(np.arange(count)[::-1])
    later_scores = ScoreRows(KEYS, np.full(count, HOUR - 72), RELEASES, RUNGS, reversed_sums)
    later = DayScoreRows(np.array([2, 3, 2, 4, 2, 16]), later_scores)
    return Checkpoint(
        observations=CurrentRows(
            KEYS, np.full(count, HOUR), actual[:, 0], available_us, available_us + (KEYS % 2) * 77_000_000
        ),
        revisions=Versions(KEYS[:2], np.array([HOUR, HOUR - 1]), actual[:2, 1], available_us[:2] - 5_000_000),
        forecasts=ForecastRows(
            series_key=KEYS,
            origin=np.full(count, HOUR),
            issued_us=available_us + 9_000_000,
            release=RELEASES,
            rung=RUNGS,
            reasons=np.arange(20, 20 + count, dtype=np.int32),
            floor_days=np.arange(2, 2 + 2 * count, 2, dtype=np.int32),
            message_offset=np.arange(count) + 9_000_000_000,
            leads=LEADS,
            p50=p50,
            p10=p10,
            p90=p90,
        ),
        features=rng.normal(0, 1, (count, len(SNAPSHOT_NAMES))).astype(np.float32),
        scores=scores,
        accuracy=AccuracyDays.of(scores, np.zeros(count, np.int64), [("DK1", "kWh")]),
        new=New(NEW, NEW, NEW, NEW),
        move=Move(3, 9, 5, HOUR, "r-second", 2),
        day_scores=later,
        day_accuracy=AccuracyDays.of(later.scores, np.zeros(count, np.int64), [("DK1", "kWh")], later.horizon_day),
    )


@pytest.fixture
def written(database_url: str) -> Iterator[Written]:
    with psycopg.connect(database_url, options="-c timezone=UTC", autocommit=True) as connection:
        claim = claim_partition(connection, "observations", 4, 3, "a worker", NOW, partitions=8)
        checkpoint = made_checkpoint()
        CheckpointWriter(connection).write(claim, checkpoint, NOW)
        yield Written(checkpoint, claim, connection)


def check(found: Rows, expected: Mapping[str, list[Any]], keys: NDArray[np.int64] = KEYS) -> None:
    """Compare every column by its name; no column is left out, and no two have the same values."""
    assert sorted(found) == keys.tolist()
    for place, key in enumerate(keys.tolist()):
        assert found[key] == {name: values[place] for name, values in expected.items()}
    for (one, left), (other, right) in itertools.combinations(expected.items(), 2):
        assert left != right, f"{one} and {other} would be indistinguishable"


def moments(microseconds: NDArray[np.int64]) -> list[datetime]:
    return [from_microseconds(one) for one in microseconds.tolist()]


def arrays(values: NDArray[np.float32]) -> list[list[float]]:
    return [row[:leads].tolist() for row, leads in zip(values, LEADS.tolist(), strict=True)]


def test_each_column_of_score_holds_what_score_made_of_that_name(written: Written) -> None:
    scores = written.checkpoint.scores
    sums = {item.name: getattr(scores.sums, item.name).tolist() for item in fields(ScoreBatch)}
    found = {
        key: {**row, "lead_error": np.nan_to_num(row["lead_error"], nan=-1).tolist()}
        for key, row in written.rows("score").items()
    }
    check(
        found,
        {
            "origin": [from_hour(hour) for hour in scores.origin.tolist()],
            "release": scores.release.tolist(),
            "rung": scores.rung.tolist(),
            **sums,
            "lead_error": np.nan_to_num(scores.sums.lead_error, nan=-1).tolist(),
        },
    )


def test_each_column_of_day_score_holds_what_score_made_of_that_name(written: Written) -> None:
    later = written.checkpoint.day_scores
    sums = {name: getattr(later.scores.sums, name).tolist() for name in SUMS}
    check(
        written.rows("day_score"),
        {
            "origin": [from_hour(hour) for hour in later.scores.origin.tolist()],
            "horizon_day": later.horizon_day.tolist(),
            "release": later.scores.release.tolist(),
            "rung": later.scores.rung.tolist(),
            **sums,
        },
    )


def test_accuracy_day_has_the_later_days_of_the_horizon_with_day_1(written: Written) -> None:
    query = (
        "SELECT horizon_day, release, forecasts, absolute_error FROM accuracy_day WHERE horizon_day > 1 ORDER BY 1, 2"
    )
    later = written.checkpoint.day_scores
    error = later.scores.sums.absolute_error
    added: dict[tuple[int, str], list[float]] = {}
    for day, release, one in zip(
        later.horizon_day.tolist(), later.scores.release.tolist(), error.tolist(), strict=True
    ):
        added.setdefault((day, release or ""), []).append(one)
    found = {(day, release): (count, total) for day, release, count, total in written.connection.execute(query)}
    assert found == {pair: (len(errors), pytest.approx(sum(errors))) for pair, errors in added.items()}


def test_each_column_of_accuracy_day_holds_the_sum_of_that_column_of_score(written: Written) -> None:
    with written.connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute("SELECT * FROM accuracy_day WHERE horizon_day = 1").fetchall()
    days = {row["release"]: row for row in rows}
    sums = written.checkpoint.scores.sums
    assert set(days) == {"", "r-first", "r-second"}
    for release, day in days.items():
        here = np.array([one == (release or None) for one in RELEASES])
        added = {
            item.name: pytest.approx(getattr(sums, item.name)[here].sum())
            for item in fields(ScoreBatch)
            if item.name != "lead_error"
        }
        where = {"partition": 4, "area": "DK1", "unit": "kWh", "day": from_hour(HOUR - 24).date(), "release": release}
        assert day == {**where, "horizon_day": 1, "forecasts": here.sum(), **added}


def test_each_column_of_forecast_holds_the_field_of_that_name(written: Written) -> None:
    rows = written.checkpoint.forecasts
    check(
        written.rows("forecast"),
        {
            "origin": [from_hour(hour) for hour in rows.origin.tolist()],
            "issued_at": moments(rows.issued_us),
            "release": rows.release.tolist(),
            "rung": rows.rung.tolist(),
            "reasons": rows.reasons.tolist(),
            "floor_days": rows.floor_days.tolist(),
            "p50": arrays(rows.p50),
            "p10": arrays(rows.p10),
            "p90": arrays(rows.p90),
            "message_offset": rows.message_offset.tolist(),
        },
    )


def test_each_column_of_feature_snapshot_holds_the_features_of_its_forecast(written: Written) -> None:
    origins = written.checkpoint.forecasts.origin
    features = written.checkpoint.features
    check(
        written.rows("feature_snapshot"),
        {"origin": [from_hour(hour) for hour in origins.tolist()], "features": features.tolist()},
    )
    np.testing.assert_array_equal(read_snapshot(written.connection, int(KEYS[2]), HOUR), features[2])


def test_each_column_of_observation_holds_the_field_of_that_name(written: Written) -> None:
    rows = written.checkpoint.observations
    confirmed = [
        last if last != first else None
        for first, last in zip(moments(rows.available_us), moments(rows.confirmed_us), strict=True)
    ]
    check(
        written.rows("observation"),
        {
            "valid_time": [from_hour(hour) for hour in rows.hour.tolist()],
            "value": rows.value.tolist(),
            "available_at": moments(rows.available_us),
            "confirmed_at": confirmed,
            "recorded_at": [NOW] * len(KEYS),
        },
    )


def test_each_column_of_observation_revision_holds_the_field_of_that_name(written: Written) -> None:
    rows = written.checkpoint.revisions
    check(
        written.rows("observation_revision"),
        {
            "valid_time": [from_hour(hour) for hour in rows.hour.tolist()],
            "available_at": moments(rows.available_us),
            "value": rows.value.tolist(),
            "recorded_at": [NOW] * 2,
        },
        KEYS[:2],
    )


def test_each_column_of_worker_offset_holds_what_the_checkpoint_moved(written: Written) -> None:
    with written.connection.cursor(row_factory=dict_row) as cursor:
        (found,) = cursor.execute("SELECT * FROM worker_offset").fetchall()
    assert found == {
        "topic": "observations",
        "partition": 4,
        "partitions": 8,
        "next_offset": 9,
        "published_offset": 5,
        "unconfirmed_from": from_hour(HOUR),
        "claim": written.claim.number,
        "release": "r-second",
        "worker": "a worker",
        "updated_at": NOW,
        "window_copy": None,
        "forecast_sequence": 2,
    }
