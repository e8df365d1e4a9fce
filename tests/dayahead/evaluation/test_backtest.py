from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dayahead.evaluation.backtest import RunResult, backtest, forecast_origin, origins_between
from dayahead.models.history import History
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.release import Release


def test_windows_in_parallel_give_the_sequential_result(small_history: History, small_release: Release) -> None:
    forecaster = Forecaster(small_release)
    origins = origins_between(small_history.end - 72, small_history.end - 1, 7)
    one_by_one = backtest(small_history, forecaster, origins)
    with ThreadPoolExecutor(3) as pool:
        together = backtest(small_history, forecaster, list(reversed(origins)), pool.map)
    assert len(one_by_one) == 7 * 8
    for name in ("series", "origin", "p10", "p50", "p90", "rung", "actual"):
        assert getattr(one_by_one, name).tobytes() == getattr(together, name).tobytes()


def test_a_forecast_does_not_see_what_comes_after_its_origin(small_history: History, small_release: Release) -> None:
    forecaster = Forecaster(small_release)
    origin = small_history.end - 49
    seen = forecast_origin(origin, history=small_history, forecaster=forecaster)
    other = small_history.values.copy()
    other[:, -48:] *= 3
    changed = History(small_history.series_ids, small_history.start, other, small_history.calendars)
    unseen = forecast_origin(origin, history=changed, forecaster=forecaster)
    assert seen.p50.tobytes() == unseen.p50.tobytes()
    assert not np.array_equal(seen.actual, unseen.actual)


def test_accuracy_is_available_by_series(small_history: History, small_release: Release) -> None:
    result = backtest(small_history, Forecaster(small_release), [small_history.end - 49, small_history.end - 25])
    each = result.by_series()
    assert set(each) == set(small_history.series_ids)
    assert result.wape_series_mean() == np.mean([one.wape for one in each.values()])
    assert result.accuracy().hours == sum(one.hours for one in each.values()) == 2 * 24 * 8
    assert isinstance(RunResult.join([result, result]), RunResult)
