"""The counters of accuracy grow by what each score adds, whatever areas and releases a batch holds."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from prometheus_client import REGISTRY

from dayahead.contracts import LEADS
from dayahead.evaluation.score import ScoreBatch
from dayahead.storage.tables.score import ScoreRows
from stream.partition.metrics import LEAD_BUCKETS, NO_RELEASE, count_scores

AREAS = ("metrics-1", "metrics-2", "metrics-3")
RELEASES = ("r1", "r2", None)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_each_score_is_added_to_the_counters_of_its_area_and_release_alone() -> None:
    rng = np.random.default_rng(1)
    count = 40
    lead_error = rng.random((count, LEADS)).astype(np.float32)
    lead_error[rng.random((count, LEADS)) < 0.2] = np.nan
    whole = {"hours", "percentage_hours", "naive_hours", "covered"}
    sums: dict[str, Any] = {
        item.name: rng.integers(1, LEADS, count).astype(np.int16) if item.name in whole else rng.random(count)
        for item in fields(ScoreBatch)
        if item.name != "lead_error"
    }
    area = rng.choice(np.array(AREAS, object), count)
    release = rng.choice(np.array(RELEASES, object), count)
    actual = rng.normal(size=(count, LEADS))
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
