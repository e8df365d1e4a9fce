from dataclasses import replace

import numpy as np
import pytest

from dayahead.models.history import History
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.release import Release
from dayahead.models.serving.why import Why, WhyMember, WhyPart, changed, explain
from dayahead.models.serving.window import WINDOW_HOURS, WindowBatch

pytestmark = pytest.mark.timeout(900)
TREE_PARTS = {part for part in WhyPart if part.startswith("trees_")}


@pytest.fixture(scope="module")
def history(history_with_weather: History) -> History:
    return history_with_weather


@pytest.fixture(scope="module")
def release(weather_release: Release) -> Release:
    return weather_release


def window(history: History, series: int, origin: int) -> WindowBatch:
    return history.window_batch(np.array([series]), np.array([origin]))


def assert_sums_to_p50(why: Why) -> None:
    total = np.sum([why.parts[part] for part in WhyPart], axis=0)
    np.testing.assert_allclose(total, why.p50, rtol=1e-9)
    assert (np.abs(why.parts[WhyPart.LIMITS]) <= 1e-5 * np.abs(why.p50)).all()  # nothing but rounding


def test_the_parts_of_every_hour_sum_to_the_forecast(release: Release, history: History) -> None:
    forecaster = Forecaster(release)
    for series in (0, 3, 5):  # the last one has no place
        batch = window(history, series, history.end - 90)
        why = explain(forecaster, batch)
        assert why.p50.tolist() == forecaster.forecast(batch).p50[0].tolist()
        assert_sums_to_p50(why)
        assert set(why.member) == {WhyMember.LOAD if series == 5 else WhyMember.WEATHER}
        assert (why.parts[WhyPart.WEATHER] == 0).all() == (series == 5)
        assert (why.parts[WhyPart.TREES_WEATHER] == 0).all() == (series == 5)
        assert any((why.parts[part] != 0).any() for part in TREE_PARTS)


def test_hours_beyond_the_run_are_explained_without_weather(release: Release, history: History) -> None:
    batch = window(history, 0, history.end - 90)
    assert batch.weather is not None
    cut = batch.weather.temperature.copy()
    cut[:, WINDOW_HOURS + 10 :] = np.nan
    why = explain(Forecaster(release), replace(batch, weather=replace(batch.weather, temperature=cut)))
    assert why.member == (WhyMember.WEATHER,) * 10 + (WhyMember.LOAD,) * 62
    assert (why.parts[WhyPart.WEATHER][10:] == 0).all()
    assert_sums_to_p50(why)


def test_what_changed_is_the_difference_of_the_hours_that_both_have(release: Release, history: History) -> None:
    forecaster = Forecaster(release)
    older, newer = (explain(forecaster, window(history, 0, history.end - back)) for back in (90, 87))
    moved = changed(newer, older)
    assert len(moved.p50) == 69
    np.testing.assert_allclose(moved.p50, newer.p50[:69] - older.p50[3:], rtol=1e-12)
    np.testing.assert_allclose(
        np.sum(list(moved.parts.values()), axis=0), moved.p50, atol=1e-6 * np.abs(newer.p50).max()
    )
    with pytest.raises(ValueError, match="no hour in common"):
        changed(older, newer)


def test_a_forecast_without_a_model_is_all_level(history: History) -> None:
    why = explain(Forecaster(None), window(history, 0, history.end - 90))
    assert set(why.member) == {WhyMember.NO_MODEL}
    np.testing.assert_array_equal(why.parts[WhyPart.LEVEL], why.p50)


def test_one_forecast_is_explained_at_a_time(release: Release, history: History) -> None:
    with pytest.raises(ValueError, match="one forecast"):
        explain(Forecaster(release), history.batch(history.end - 90)[1])
