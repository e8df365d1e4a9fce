"""Days of the horizon after the first: members of their own, the floor where they lose, and day 1 as it always was."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.contracts import Rung
from dayahead.evaluation.backtest import backtest
from dayahead.evaluation.score import score, score_hours
from dayahead.features.calendar import Calendar
from dayahead.features.linear import anchor, holiday_offsets_h, linear_feature_names, linear_features, origin_context
from dayahead.features.state import describe
from dayahead.horizon import DAY_LEADS, MAX_LEADS, leads_before
from dayahead.models.fitting.fit import fit_release
from dayahead.models.history import History
from dayahead.models.serving.floor import later_profile
from dayahead.models.serving.forecaster import ForecastBatch, Forecaster
from dayahead.models.serving.linear_day import LinearDay
from dayahead.models.serving.release import Release
from dayahead.models.serving.window import WINDOW_HOURS, WindowBatch
from dayahead.models.settings import ModelSettings
from tests.releases import differing_parts

DENMARK = Calendar("Europe/Copenhagen", "DK")
SPRING = 467_425  # 2023-04-29T01Z: holidays lie before it and after it
LEADS = 3 * DAY_LEADS + 2


@pytest.fixture(name="long_history", scope="module")
def _long_history(small_history: History) -> History:
    return replace(small_history, leads=LEADS)


@pytest.fixture(name="long_release", scope="module")
def _long_release(long_history: History, small_settings: ModelSettings) -> Release:
    return fit_release(long_history.until(long_history.end - 72), small_settings, seed=1)


def bits(made: ForecastBatch, leads: slice = slice(None)) -> Iterator[bytes]:
    for quantile in (made.p10, made.p50, made.p90):
        yield np.ascontiguousarray(quantile[:, leads]).tobytes()


def test_a_longer_horizon_leaves_day_1_as_it_is_bit_for_bit(
    long_history: History, long_release: Release, small_release: Release
) -> None:
    day_1 = {name: long_release.metrics[name] for name in small_release.metrics}
    assert differing_parts(replace(long_release, metrics=day_1), small_release) == []
    _, batch = long_history.batch(long_history.end - LEADS - 1)
    long = Forecaster(long_release).forecast(batch)
    short = Forecaster(small_release).forecast(replace(batch, leads=DAY_LEADS))
    assert list(bits(long, slice(0, DAY_LEADS))) == list(bits(short))
    two_days = Forecaster(long_release).forecast(replace(batch, leads=2 * DAY_LEADS))
    assert list(bits(long, slice(0, 2 * DAY_LEADS))) == list(bits(two_days))


def test_a_release_for_24_hours_is_written_as_before(small_release: Release) -> None:
    assert small_release.days == 1
    assert b"later_days" not in small_release._content
    assert b"beats_naive" not in small_release._content


def test_a_release_with_later_days_comes_back_from_its_bytes(long_release: Release, long_history: History) -> None:
    back = Release.from_bytes(long_release.to_bytes())
    assert back.release_id == long_release.release_id
    assert back.days == 4
    assert [later.beats_naive for later in back.later_days] == [later.beats_naive for later in long_release.later_days]
    _, batch = long_history.batch(long_history.end - LEADS - 1)
    assert list(bits(Forecaster(back).forecast(batch))) == list(bits(Forecaster(long_release).forecast(batch)))


@pytest.mark.parametrize("annual", [False, True])
@pytest.mark.parametrize("day", [1, 2, 3, 7, 8, 17])
def test_the_map_of_the_window_is_the_forecast_by_features(day: int, annual: bool) -> None:
    rng = np.random.default_rng(day)
    names = linear_feature_names(annual=annual, day=day)
    member = LinearDay(rng.normal(0, 0.02, (24, len(names), 24)).astype(np.float32), annual=annual, day=day)
    state = describe(10.0 ** rng.uniform(0, 6, (5, 1)) * rng.lognormal(0, 0.3, (5, WINDOW_HOURS)), screened=False)
    context = origin_context(DENMARK, np.full(5, SPRING), day)
    features = linear_features(state.z, context, annual=annual, day=day)
    by_features = anchor(state.z, day) + features @ member.coefficients[context.hour[0]]
    assert np.abs(member.forecast(state, DENMARK, SPRING) - by_features).max() < 1e-3


def test_a_weekly_series_is_its_own_anchor_and_weekly_mean_on_every_day() -> None:
    hours = np.arange(WINDOW_HOURS + MAX_LEADS)
    values = 2 + np.sin(2 * np.pi * hours / 24) + 0.5 * np.cos(2 * np.pi * hours / 168)
    state = describe(values[None, :WINDOW_HOURS], screened=False)
    for day in range(1, MAX_LEADS // DAY_LEADS + 1):
        target = values[WINDOW_HOURS + leads_before(day) :][:DAY_LEADS] / state.scale[0] - 1
        names = linear_feature_names(annual=False, day=day)
        context = origin_context(DENMARK, np.array([SPRING]), day)
        features = linear_features(state.z, context, annual=False, day=day)[0]
        weekly = [features[names.index(f"weekly_mean_lead_{leads_before(day) + lead}")] for lead in range(1, 25)]
        assert np.abs(weekly - target).max() < 1e-5
        if day > 2:
            before = [features[names.index(f"week_before_lead_{leads_before(day) + lead}")] for lead in range(1, 25)]
            assert np.abs(before - target).max() < 1e-5


def test_holidays_are_asked_for_where_the_day_lies() -> None:
    assert holiday_offsets_h(1) == (1, 12, 24, 0, -12, -144, -156)
    assert holiday_offsets_h(2) == (25, 36, 48, 0, -12, -120, -132)
    assert holiday_offsets_h(8) == (169, 180, 192, 0, -12, -144, -156)


def test_each_day_beats_the_newest_known_day_and_grows_worse_with_distance(
    long_history: History, long_release: Release
) -> None:
    walked = backtest(
        long_history, Forecaster(long_release), range(long_history.end - 72, long_history.end - LEADS + 72, 5)
    )
    assert walked.days == 3
    for day in (1, 2, 3):
        figures = walked.accuracy(day=day)
        assert figures.wape < figures.daily_naive_wape
    assert walked.accuracy(day=1).wape < walked.accuracy(day=3).wape


def test_a_day_is_scored_like_day_1_of_the_hours_it_is_for(long_history: History, long_release: Release) -> None:
    origin = long_history.end - LEADS - 1
    walked = backtest(long_history, Forecaster(long_release), [origin])
    end = origin + 2 * DAY_LEADS + 1 - long_history.start
    values = long_history.values[:, end - score_hours(2) : end]
    made = Forecaster(long_release).forecast(long_history.batch(origin)[1])
    expected = score(values, made.p10[:, 24:48], made.p50[:, 24:48], made.p90[:, 24:48], day=2)
    np.testing.assert_allclose(walked.scores_of(2).absolute_error, expected.absolute_error)
    naive = np.abs(values[:, -24:] - values[:, -48 - 24 : -48]).sum(axis=1)
    np.testing.assert_allclose(walked.scores_of(2).daily_naive_error, naive)
    weekly = np.abs(values[:, -24:] - values[:, -24 - 168 : -168]).sum(axis=1)
    np.testing.assert_allclose(walked.scores_of(2).naive_error, weekly)


def test_a_series_is_forecast_the_same_in_any_company_on_every_day(
    long_history: History, long_release: Release
) -> None:
    _, batch = long_history.batch(long_history.end - LEADS - 1)
    forecaster = Forecaster(long_release)
    together = forecaster.forecast(batch)
    for row in range(len(batch)):
        alone = forecaster.forecast(WindowBatch(batch.values[[row]], batch.origin[[row]], DENMARK, LEADS))
        for one, other in zip(bits(alone), (together.p10, together.p50, together.p90), strict=True):
            assert one == np.ascontiguousarray(other[[row]]).tobytes()


def test_a_day_that_does_not_beat_the_naive_is_forecast_by_the_profile_and_says_so(
    long_history: History, long_release: Release
) -> None:
    second, *others = long_release.later_days
    lost = replace(long_release, later_days=(replace(second, beats_naive=False), *others))
    assert lost.release_id != long_release.release_id
    assert lost.floor_days == (2, *(day for day in long_release.floor_days if day != 2))
    _, batch = long_history.batch(long_history.end - LEADS - 1)
    made, usual = Forecaster(lost).forecast(batch), Forecaster(long_release).forecast(batch)
    assert (made.rung == Rung.FULL).all()
    assert ((made.floor_days >> 1) & 1 == 1).all()
    state = describe(batch.values, screened=True)
    profile = later_profile(state.values, state.observed, state.history_h, 2)
    np.testing.assert_array_equal(made.p50[:, 24:48], profile.p50.astype(np.float32))
    for leads in (slice(0, 24), slice(48, 72)):
        assert list(bits(made, leads)) == list(bits(usual, leads))


def test_a_release_for_24_hours_serves_a_longer_horizon_with_the_profile_after_day_1(
    long_history: History, small_release: Release
) -> None:
    _, batch = long_history.batch(long_history.end - LEADS - 1)
    made = Forecaster(small_release).forecast(batch)
    assert made.p50.shape == (len(batch), LEADS)
    assert np.isfinite(made.p50).all()
    assert (made.floor_days == 0b1110).all()
    assert (made.p10 <= made.p50).all()
    assert (made.p50 <= made.p90).all()


def test_without_a_release_every_day_has_a_profile_and_no_day_is_named_apart(long_history: History) -> None:
    _, batch = long_history.batch(long_history.end - 25)
    made = Forecaster(None).forecast(replace(batch, leads=MAX_LEADS))
    assert (made.rung == Rung.PROFILE).all()
    assert (made.floor_days == 0).all()
    assert np.isfinite(made.p50).all()
    young = batch.values.copy()
    young[:, :-30] = np.nan
    assert np.isfinite(Forecaster(None).forecast(replace(batch, values=young, leads=MAX_LEADS)).p90).all()


def test_the_profile_of_a_day_repeats_hours_that_are_known_by_then() -> None:
    values = np.arange(WINDOW_HOURS, dtype=np.float64)[None]
    known, history_h = np.ones_like(values, np.bool_), np.array([WINDOW_HOURS])

    def lagged_by(lag: int) -> NDArray[np.float64]:
        return np.arange(WINDOW_HOURS, WINDOW_HOURS + 24, dtype=np.float64) - lag

    def p50(day: int) -> NDArray[np.float64]:
        return later_profile(values, known, history_h, day).p50[0]

    np.testing.assert_allclose(p50(2), (lagged_by(24) + lagged_by(144)) / 2)
    np.testing.assert_allclose(p50(4), lagged_by(96 + 168))
    np.testing.assert_allclose(p50(8), lagged_by(168 + 168))
    np.testing.assert_allclose(later_profile(values, known, np.array([100]), 4).p50[0], lagged_by(24))
