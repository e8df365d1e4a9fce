"""The rolling features that are kept, against the same written with NumPy."""

import numpy as np

from dayahead.features.snapshot import SNAPSHOT_NAMES, snapshot
from dayahead.features.state import describe


def test_each_rolling_feature_is_what_its_name_says() -> None:
    windows = np.random.default_rng(1).lognormal(3, 0.4, (7, 912))
    windows[0, 900:903] = np.nan
    windows[1, 911] = np.nan
    state = describe(windows, screened=False)
    values = state.values
    day, day_before, week = values[:, -24:], values[:, -48:-24], values[:, -168:]
    expected = {
        "value": values[:, -1],
        "mean_3h": values[:, -3:].mean(axis=1),
        "mean_24h": day.mean(axis=1),
        "mean_168h": week.mean(axis=1),
        "deviation_24h": np.abs(day - day.mean(axis=1)[:, None]).mean(axis=1),
        "minimum_24h": day.min(axis=1),
        "maximum_24h": day.max(axis=1),
        "lag_24h": values[:, -25],
        "lag_168h": values[:, -169],
        "change_to_day_before": day.mean(axis=1) - day_before.mean(axis=1),
        "change_to_week_before": day.mean(axis=1) - values[:, -192:-168].mean(axis=1),
        "observed_share_168h": np.isfinite(windows[:, -168:]).mean(axis=1),
    }
    assert tuple(expected) == SNAPSHOT_NAMES
    for column, (name, wanted) in enumerate(expected.items()):
        np.testing.assert_allclose(snapshot(state)[:, column], wanted, rtol=1e-6, atol=1e-5, err_msg=name)
