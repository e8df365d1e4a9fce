"""What a user would run in memory instead: mlforecast with LightGBM, one new hour, then 24 hours ahead or more.

It stores nothing, publishes nothing, and has no bands. Usage: mlforecast_refresh.py SERIES [CORES [HOURS]]; the last
line is JSON: seconds of `update` and `predict` by number of trees.
"""

import sys
import time

import lightgbm as lgb
import numpy as np
import orjson
import pandas as pd
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean

from benchmarks.made_up_load import START, Load

TREES = (100, 400)
TRAINED_ON = 500
HISTORY_H = 216
"""Hours that mlforecast is given of each series: as many as its lags ask for, so that its memory is not the limit."""


def frame(load: Load, first: int, end: int, count: int) -> pd.DataFrame:
    """Hours of the first series as mlforecast wants them."""
    values = load.values(first, end, slice(0, count))
    times = pd.to_datetime(np.arange(first, end) * 3600, unit="s")
    return pd.DataFrame(
        {
            "unique_id": pd.Categorical.from_codes(np.repeat(np.arange(count), end - first), load.ids[:count]),
            "ds": np.tile(times, count),
            "y": values.ravel(),
        }
    )


def measure(load: Load, cores: int, leads: int) -> dict[int, dict[str, float]]:
    """Fit on some series, know all, then take an hour in and forecast: one hour for each number of trees."""
    models = {
        trees: lgb.LGBMRegressor(n_estimators=trees, num_leaves=31, n_jobs=cores, verbosity=-1) for trees in TREES
    }
    forecaster = MLForecast(
        models={str(trees): model for trees, model in models.items()},
        freq="h",
        lags=[1, 2, 3, 24, 48, 168],
        lag_transforms={1: [RollingMean(24), RollingMean(168)]},
        num_threads=cores,
    )
    end = START + 28 * 24
    forecaster.fit(frame(load, START, end, min(TRAINED_ON, load.count)), static_features=[])
    fitted = forecaster.models_
    if load.count > TRAINED_ON:
        forecaster.preprocess(frame(load, end - HISTORY_H, end, load.count), static_features=[])
    took = {}
    for number, trees in enumerate(TREES):
        forecaster.models_ = {str(trees): fitted[str(trees)]}
        hour = frame(load, end + number, end + number + 1, load.count)
        began = time.perf_counter()
        forecaster.update(hour)
        updated, cpu = time.perf_counter(), time.process_time()
        forecaster.predict(leads)
        ended = time.perf_counter()
        took[trees] = {
            "total_s": ended - began,
            "update_s": updated - began,
            "predict_s": ended - updated,
            "predict_cpu_s": time.process_time() - cpu,
        }
    return took


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:]]
    count, cores, leads = given + [2, 24][len(given) - 1 :]
    print(orjson.dumps({str(trees): took for trees, took in measure(Load(count), cores, leads).items()}).decode())
