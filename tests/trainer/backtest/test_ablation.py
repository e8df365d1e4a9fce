from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from rich.console import Console

from dayahead.evaluation.backtest import RunResult
from trainer.backtest.ablation import Ablation, ablation_of, write_ablation
from trainer.backtest.ablation_table import print_ablation
from trainer.backtest.walk import Backtest
from trainer.backtest.weather import Variant


def off_by(result: RunResult, share: float) -> RunResult:
    """The same forecasts, wrong by a share of the actual in every hour."""
    return replace(result, p50=(result.actual * (1 + share)).astype(np.float32))


@pytest.fixture
def ablation(walked: Backtest) -> Ablation:
    result = walked.result
    results = {
        Variant.WITH: off_by(result, 0.05),
        Variant.WITHOUT: off_by(result, -0.1),
        Variant.PERFECT: off_by(result, 0.04),
    }
    return ablation_of(results, "simulated", "as named")


def test_gain_and_the_part_of_the_weather_are_shares_of_the_error(ablation: Ablation) -> None:
    slices = [ablation.whole, *ablation.by_lead, *ablation.by_season, *ablation.by_series]
    for one in slices:
        assert (one.with_, one.without, one.perfect) == pytest.approx((0.05, 0.1, 0.04), rel=1e-4)
        assert one.gain == pytest.approx(0.5, rel=1e-4)
        assert one.of_the_weather == pytest.approx(0.2, rel=1e-3)
    assert ablation.losing == []


def test_groups_of_leads_seasons_and_series_are_all_of_the_hours(walked: Backtest, ablation: Ablation) -> None:
    known = np.isfinite(walked.result.actual)
    assert ablation.whole.hours == known[:, :24].sum()
    assert [one.name for one in ablation.by_lead] == [
        "lead 1 to 3 h", "lead 4 to 6 h", "lead 7 to 12 h", "lead 13 to 24 h", "lead 25 to 48 h", "lead 49 to 50 h",
    ]  # fmt: skip
    assert [one.hours for one in ablation.by_lead] == [
        known[:, first:last].sum() for first, last in ((0, 3), (3, 6), (6, 12), (12, 24), (24, 48), (48, 50))
    ]
    assert [(one.name, one.hours) for one in ablation.by_season] == [("December to February", ablation.whole.hours)]
    assert sum(one.hours for one in ablation.by_series) == ablation.whole.hours
    assert {one.name for one in ablation.by_series} == set(walked.result.series_ids)


def test_an_hour_that_one_variant_does_not_forecast_counts_for_none(walked: Backtest) -> None:
    result = walked.result
    partly = off_by(result, 0.0)
    p50 = partly.p50.copy()
    p50[0, 0] = np.nan
    found = ablation_of(
        {Variant.WITH: replace(partly, p50=p50), Variant.WITHOUT: off_by(result, 0.1)}, "runs", "as named"
    )
    assert found.whole.hours == np.isfinite(result.actual[:, :24]).sum() - 1
    assert np.isnan(found.whole.perfect)
    assert np.isnan(found.whole.of_the_weather)


def test_series_that_lose_are_named_with_the_next_step(walked: Backtest) -> None:
    result = walked.result
    worse = np.where(result.series == 3, 0.2, 0.05)[:, None]
    with_ = replace(result, p50=(result.actual * (1 + worse)).astype(np.float32))
    found = ablation_of({Variant.WITH: with_, Variant.WITHOUT: off_by(result, 0.1)}, "runs", "as named")
    assert [one.name for one in found.losing] == [result.series_ids[3]]
    assert found.by_series[-1].gain == pytest.approx(-1, rel=1e-3)
    console = Console(record=True, width=200)
    print_ablation(console, found)
    shown = console.export_text()
    assert f"1 of {len(result.series_ids)} series are worse with weather: {result.series_ids[3]} 100.0%" in shown
    assert "set their place to null" in shown


def test_variants_of_other_origins_are_refused(walked: Backtest) -> None:
    other = replace(walked.result, origin=walked.result.origin + 1)
    with pytest.raises(ValueError, match="same series and origins"):
        ablation_of({Variant.WITH: walked.result, Variant.WITHOUT: other}, "", "")


def test_the_figures_are_written_as_json(ablation: Ablation, tmp_path: Path) -> None:
    document = orjson.loads(write_ablation(ablation, tmp_path).read_bytes())
    assert document["whole"]["with"] == pytest.approx(0.05, rel=1e-4)
    assert document["whole"]["gain"] == pytest.approx(0.5, rel=1e-4)
    assert [one["name"] for one in document["by_lead"]] == [one.name for one in ablation.by_lead]
    assert document["coverage"].keys() == {"with", "without", "perfect"}
