from dataclasses import replace

import numpy as np
import pytest

from dayahead.models.fitting.fit import fit_release
from dayahead.models.history import History
from dayahead.models.serving.release import Release
from tests.trainer.filling import Sample
from trainer.judge import judge, judged_windows, lost_days
from trainer.scenarios import Scenario
from trainer.settings import HoldoutSettings, TrainingSettings
from trainer.training_set import TrainingSet

CUT = 600


def training_set(sample: Sample) -> TrainingSet:
    history = History(tuple(sample.series_ids), sample.start, sample.values, (sample.source.calendar,))
    return TrainingSet(history, history, [], (sample.source.name,))


@pytest.fixture(scope="module")
def release(whole_sample: Sample) -> Release:
    from tests.trainer.conftest import QUICK
    from trainer.settings import load_training_settings

    data = training_set(whole_sample.part(0, CUT, every=8))
    return fit_release(data.history, load_training_settings(None, QUICK, {}).fit, 1)


def test_every_judged_hour_lies_within_the_held_out_hours(sample: Sample, quick: TrainingSettings) -> None:
    data = training_set(sample)
    windows = judged_windows(data.observed, sample.start + CUT, quick.holdout)
    assert windows.origins[0] + 1 == sample.start + CUT
    assert windows.origins[-1] + 24 < data.observed.end
    assert windows.origins[-1] + 24 + quick.holdout.origin_every_h >= data.observed.end
    assert len(windows.series) == len(sample.series_ids)


def test_many_series_are_thinned_out_not_the_hours_of_the_day(sample: Sample) -> None:
    data = training_set(sample)
    few = judged_windows(data.observed, sample.start + CUT, HoldoutSettings(most_windows=100))
    assert few.count <= 100
    assert len(few.series) == 2  # of ten
    assert set(few.origins % 24) == set(range(24))


def test_an_outage_makes_a_forecast_worse_but_never_breaks_it(
    release: Release, sample: Sample, quick: TrainingSettings
) -> None:
    data = training_set(sample)
    judged = judge(release, data, judged_windows(data.observed, sample.start + CUT, quick.holdout))
    assert set(judged) == {scenario for scenario in Scenario if not scenario.is_of_weather}
    well = judged[Scenario.ALL_WELL]
    assert 0 < well.wape < well.naive_wape
    assert judged[Scenario.LAST_HOURS_MISSING].wape > well.wape
    assert judged[Scenario.STUCK_METER].wape > well.wape
    assert [figures.broken for figures in judged.values()] == [0] * len(judged)
    assert len({figures.windows for figures in judged.values()}) == 1


def test_what_was_set_aside_does_not_count_as_an_actual(
    release: Release, sample: Sample, quick: TrainingSettings
) -> None:
    data = training_set(sample)
    windows = judged_windows(data.observed, sample.start + CUT, quick.holdout)
    # The last judged hour is in no window: an outlier there matters only as an actual.
    column = int(windows.origins[-1]) + 24 - sample.start
    wild = sample.values.copy()
    wild[0, column] = 1e12
    cleaned = wild.copy()
    cleaned[0, column] = np.nan
    dirty = judge(
        release, TrainingSet(replace(data.observed, values=wild), replace(data.history, values=wild), [], ()), windows
    )
    clean = judge(
        release,
        TrainingSet(replace(data.observed, values=wild), replace(data.history, values=cleaned), [], ()),
        windows,
    )
    assert dirty[Scenario.ALL_WELL].wape > 0.9
    assert clean[Scenario.ALL_WELL].wape == pytest.approx(
        judge(release, data, windows)[Scenario.ALL_WELL].wape, rel=0.01
    )


def test_without_a_window_there_is_nothing_to_tell(release: Release, sample: Sample, quick: TrainingSettings) -> None:
    data = training_set(sample)
    windows = judged_windows(data.observed, data.observed.end - 10, quick.holdout)
    assert judge(release, data, windows)[Scenario.ALL_WELL].windows == 0


@pytest.fixture(scope="module")
def two_days(whole_sample: Sample) -> tuple[Release, TrainingSet]:
    """A release for two days of the horizon, and the hours to judge it on."""
    from tests.trainer.conftest import QUICK
    from trainer.settings import load_training_settings

    some = training_set(whole_sample.part(0, CUT + 120, every=8))
    data = replace(some, history=replace(some.history, leads=48), observed=replace(some.observed, leads=48))
    fit = load_training_settings(None, [*QUICK, "fit.linear.blocks=3"], {}).fit
    return fit_release(data.history.until(whole_sample.start + CUT), fit, 1).without_floor(), data


def spoilt(release: Release) -> Release:
    """The release with a member of day 2 that forecasts three times too much."""
    (later,) = release.later_days
    return replace(release, later_days=(replace(later, coefficients=3 * later.coefficients),))


def test_each_later_day_is_judged_by_itself_on_hours_that_are_known(
    two_days: tuple[Release, TrainingSet], quick: TrainingSettings
) -> None:
    release, data = two_days
    windows = judged_windows(data.observed, data.observed.end - 120, quick.holdout)
    good, bad = (judge(one, data, windows)[Scenario.ALL_WELL] for one in (release, spoilt(release)))
    (day,), (bad_day,) = good.later_days, bad.later_days
    assert (day.day, day.by_model) == (2, True)
    assert 0 < day.windows <= good.windows
    assert good.wape < day.wape < day.naive_wape < bad_day.wape
    assert bad.wape == good.wape
    assert bad_day.skill < 0


def test_a_later_day_that_loses_to_the_naive_falls_to_the_profile(
    two_days: tuple[Release, TrainingSet], quick: TrainingSettings
) -> None:
    release, data = two_days
    windows = judged_windows(data.observed, data.observed.end - 120, quick.holdout)
    bad = spoilt(release)
    assert lost_days(bad, data, windows, 8) == [2]
    assert lost_days(bad.with_floor([2]), data, windows, 8) == [2]  # the member is judged, not the profile that serves
    assert lost_days(bad, data, windows, 1_000_000) == []  # too few forecasts to decide
    floored = bad.with_floor(lost_days(bad, data, windows, 8))
    assert floored.floor_days == (2,)
    assert floored.release_id != bad.release_id
    assert Release.from_bytes(floored.to_bytes()).floor_days == (2,)
    (day,) = judge(floored, data, windows)[Scenario.ALL_WELL].later_days
    assert not day.by_model
    (as_fitted,) = judge(bad, data, windows)[Scenario.ALL_WELL].later_days
    assert as_fitted.by_model
    assert day.wape < as_fitted.wape


def test_a_release_for_24_hours_has_no_day_to_lose(release: Release, sample: Sample, quick: TrainingSettings) -> None:
    data = training_set(sample)
    assert lost_days(release, data, judged_windows(data.observed, sample.start + CUT, quick.holdout), 8) == []
    assert release.with_floor([]) is release
