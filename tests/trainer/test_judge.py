from dataclasses import replace

import numpy as np
import pytest

from dayahead.models.fitting.fit import fit_release
from dayahead.models.history import History
from dayahead.models.serving.release import Release
from tests.trainer.filling import Sample
from trainer.judge import judge, judged_windows
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
    assert set(judged) == set(Scenario)
    well = judged[Scenario.ALL_WELL]
    assert 0 < well.wape < well.naive_wape
    assert judged[Scenario.LAST_HOURS_MISSING].wape > well.wape
    assert judged[Scenario.STUCK_METER].wape > well.wape
    assert [figures.broken for figures in judged.values()] == [0] * len(Scenario)
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
