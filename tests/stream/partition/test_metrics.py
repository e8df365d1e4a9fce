"""The counters of accuracy grow by what each score adds, whatever areas and releases a batch holds."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from prometheus_client import REGISTRY

from dayahead.evaluation.score import ScoreBatch
from dayahead.horizon import DAY_LEADS
from dayahead.storage.tables.score import ScoreRows
from dayahead.storage.tables.source import RegisteredSource
from stream.partition.held import HeldPartition
from stream.partition.metrics import LEAD_BUCKETS, NO_RELEASE, count_days, count_scores, show_series
from stream.partition.state import PartitionState
from tests.stream.logs import SOURCE
from tests.stream.memory_tables import series

AREAS = ("metrics-1", "metrics-2", "metrics-3")
RELEASES = ("r1", "r2", None)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_each_score_is_added_to_the_counters_of_its_area_and_release_alone() -> None:
    rng = np.random.default_rng(1)
    count = 40
    lead_error = rng.random((count, DAY_LEADS)).astype(np.float32)
    lead_error[rng.random((count, DAY_LEADS)) < 0.2] = np.nan
    whole = {"hours", "percentage_hours", "naive_hours", "covered"}
    sums: dict[str, Any] = {
        item.name: rng.integers(1, DAY_LEADS, count).astype(np.int16) if item.name in whole else rng.random(count)
        for item in fields(ScoreBatch)
        if item.name != "lead_error"
    }
    area = rng.choice(np.array(AREAS, object), count)
    release = rng.choice(np.array(RELEASES, object), count)
    actual = rng.normal(size=(count, DAY_LEADS))
    scores = ScoreRows(
        series_key=np.arange(count),
        origin=np.zeros(count, np.int64),
        release=release,
        rung=np.zeros(count, np.int8),
        sums=ScoreBatch(**sums, lead_error=lead_error),
    )
    for times in (1, 2):
        count_scores(scores, actual, area)
        for one in AREAS:
            here = area == one
            naive = {"weekly": sums["naive_error"], "daily": sums["daily_naive_error"]}
            for kind, of_naive in naive.items():
                found = counted("dayahead_naive_absolute_error_total", area=one, naive=kind)
                assert found == pytest.approx(times * of_naive[here].sum())
            found = counted("dayahead_naive_absolute_actual_total", area=one)
            assert found == pytest.approx(times * sums["naive_actual"][here].sum())
            for made_by in RELEASES:
                mine = here & (release == made_by)
                of_release = {"area": one, "release": made_by or NO_RELEASE}
                assert counted("dayahead_scored_forecasts_total", **of_release) == times * mine.sum()
                percentage = counted("dayahead_forecast_absolute_percentage_error_total", **of_release)
                assert percentage == pytest.approx(times * sums["percentage_error"][mine].sum())
                hours = counted("dayahead_forecast_percentage_hours_total", **of_release)
                assert hours == times * sums["percentage_hours"][mine].sum()
                for bucket, leads in LEAD_BUCKETS.items():
                    known = np.isfinite(lead_error[mine][:, leads])
                    error = counted("dayahead_forecast_absolute_error_total", lead_bucket=bucket, **of_release)
                    assert error == pytest.approx(times * np.nansum(lead_error[mine][:, leads], dtype=float))
                    magnitude = counted("dayahead_forecast_absolute_actual_total", lead_bucket=bucket, **of_release)
                    assert magnitude == pytest.approx(times * np.abs(actual[mine][:, leads])[known].sum())


def test_a_series_of_a_removed_source_is_neither_fresh_nor_stale() -> None:
    state = PartitionState()
    known = series(3)  # of sources 1, 1 and 2
    state.add([replace(one, source_key=1 + place // 2) for place, one in enumerate(known)])
    state.put(np.array([0, 1, 2]), np.array([100, 50, 100]), np.array([1.0, 1.0, 1.0]))
    held = cast("HeldPartition", SimpleNamespace(state=state))
    here = [RegisteredSource(1, SOURCE), RegisteredSource(2, SOURCE.model_copy(update={"name": "other"}))]
    show_series([held], {1: 100, 2: 100}, here, NOW)
    assert (counted("dayahead_series", state="fresh"), counted("dayahead_series", state="stale")) == (2, 1)
    assert REGISTRY.get_sample_value("dayahead_newest_hour_timestamp_seconds", {"source": SOURCE.name}) == 100 * 3600
    for _ in range(2):
        show_series([held], {1: 100, 2: 100}, [replace(here[0], removed_at=NOW), here[1]], NOW)
        assert (counted("dayahead_series", state="fresh"), counted("dayahead_series", state="stale")) == (1, 0)
        assert REGISTRY.get_sample_value("dayahead_newest_hour_timestamp_seconds", {"source": SOURCE.name}) is None


def test_each_day_of_the_horizon_is_added_to_the_counters_of_its_area_and_day_alone() -> None:
    rng = np.random.default_rng(2)
    count = 30
    sums: dict[str, Any] = {item.name: rng.random(count) for item in fields(ScoreBatch) if item.name != "lead_error"}
    scores = ScoreRows(
        series_key=np.arange(count),
        origin=np.zeros(count, np.int64),
        release=np.full(count, None, object),
        rung=np.zeros(count, np.int8),
        sums=ScoreBatch(**sums, lead_error=np.empty((count, 0), np.float32)),
    )
    area, day = rng.choice(np.array(("days-1", "days-2"), object), count), rng.choice([1, 2, 17], count)
    for times in (1, 2):
        count_days(scores, day, area)
        for one in ("days-1", "days-2"):
            for horizon_day in (1, 2, 17):
                here = (area == one) & (day == horizon_day)
                labels = {"area": one, "horizon_day": str(horizon_day)}
                for name, column in (
                    ("absolute_error", "absolute_error"),
                    ("absolute_actual", "absolute_actual"),
                    ("absolute_percentage_error", "percentage_error"),
                    ("percentage_hours", "percentage_hours"),
                    ("naive_absolute_actual", "naive_actual"),
                ):
                    found = counted(f"dayahead_horizon_day_{name}_total", **labels)
                    assert found == pytest.approx(times * sums[column][here].sum())
                for naive, column in (("weekly", "naive_error"), ("daily", "daily_naive_error")):
                    found = counted("dayahead_horizon_day_naive_absolute_error_total", **labels, naive=naive)
                    assert found == pytest.approx(times * sums[column][here].sum())
