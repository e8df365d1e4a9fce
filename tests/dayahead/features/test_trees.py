"""The features of the trees, compared with the same written with NumPy."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.features.linear import weekly_mean
from dayahead.features.state import SeriesState, describe
from dayahead.features.trees import TREE_FEATURES, tree_features

DENMARK = Calendar("Europe/Copenhagen", "DK")
CHRISTMAS = 464_230  # 2022-12-16T22Z
SERIES = 7


@pytest.fixture
def state() -> SeriesState:
    return describe(np.random.default_rng(1).lognormal(3, 0.4, (SERIES, 912)), screened=False)


def given(state: SeriesState) -> tuple[NDArray[np.float32], ...]:
    rng = np.random.default_rng(2)
    return tuple(
        rng.normal(size=shape).astype(np.float32) for shape in ((len(state), 24), (len(state), 3), (len(state), 24))
    )


def test_each_feature_is_what_its_name_says(state: SeriesState) -> None:
    linear, one_step, day_errors = given(state)
    week_error = np.abs(day_errors).mean(axis=1)
    made = tree_features(state, linear, one_step, day_errors, week_error, DENMARK, CHRISTMAS)
    z = state.z.astype(np.float64)
    targets = DENMARK.at(CHRISTMAS + np.arange(1, 25))
    linear_mean = linear.mean(axis=1)[:, None]
    expected = {
        "lead": np.arange(1, 25),
        "hour": targets.hour,
        "weekday": targets.weekday,
        "holiday": targets.holiday,
        "holiday_day_before": DENMARK.at(CHRISTMAS + np.arange(1, 25) - 24).holiday,
        "holiday_week_before": DENMARK.at(CHRISTMAS + np.arange(1, 25) - 168).holiday,
        "linear": linear,
        "linear_minus_lag_24": linear - z[:, -24:],
        "linear_minus_lag_168": linear - z[:, -168:-144],
        "linear_minus_weekly_mean": linear - weekly_mean(state.z),
        "linear_mean": linear_mean,
        "linear_deviation": np.abs(linear - linear_mean).mean(axis=1)[:, None],
        "lag_24": z[:, -24:],
        "lag_48": z[:, -48:-24],
        "lag_168": z[:, -168:-144],
        "weekly_mean": weekly_mean(state.z),
        "z_0": z[:, -1:],
        "z_1": z[:, -2:-1],
        "mean_3h": z[:, -3:].mean(axis=1)[:, None],
        "mean_24h": z[:, -24:].mean(axis=1)[:, None],
        "deviation_24h": np.abs(z[:, -24:] - z[:, -24:].mean(axis=1)[:, None]).mean(axis=1)[:, None],
        "spread": np.abs(z[:, -144:] - z[:, -168:-24]).mean(axis=1)[:, None],
        "change_day_3h": (z[:, -3:] - z[:, -27:-24]).mean(axis=1)[:, None],
        "change_day_24h": (z[:, -24:] - z[:, -48:-24]).mean(axis=1)[:, None],
        "change_week_24h": (z[:, -24:] - z[:, -192:-168]).mean(axis=1)[:, None],
        "error_1h": one_step[:, :1],
        "error_1h_mean_3h": one_step.mean(axis=1)[:, None],
        "error_24h_mean_3h": day_errors[:, :3].mean(axis=1)[:, None],
        "error_24h_mean_24h": day_errors.mean(axis=1)[:, None],
        "error_24h_same_hour": day_errors[:, ::-1],
        "error_24h_absolute": np.abs(day_errors).mean(axis=1)[:, None],
        "error_week_absolute": week_error[:, None],
    }
    assert tuple(expected) == TREE_FEATURES
    for place, (name, values) in enumerate(expected.items()):
        wanted = np.broadcast_to(values, (SERIES, 24))
        np.testing.assert_allclose(made[:, :, place], wanted, rtol=1e-5, atol=1e-6, err_msg=name)


def test_the_features_of_a_series_do_not_depend_on_other_series(state: SeriesState) -> None:
    linear, one_step, day_errors = given(state)
    week_error = np.abs(day_errors).mean(axis=1)
    together = tree_features(state, linear, one_step, day_errors, week_error, DENMARK, CHRISTMAS)
    for row in range(SERIES):
        part = slice(row, row + 1)
        alone = tree_features(
            state.take(part), linear[part], one_step[part], day_errors[part], week_error[part], DENMARK, CHRISTMAS
        )
        assert alone.tobytes() == together[part].tobytes()
