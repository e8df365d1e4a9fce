"""Microseconds a series that a forecast costs, features and bands included: `make benchmark B=inference`.

24 leads of the shipped recipe on one core, by LightGBM and compiled, beside mlforecast's `predict` in the same run on
the same load. Prints a sentence, then a JSON line.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import orjson
import typer
from made_up_load import SOURCE, START, Load, shipped_release

from dayahead.features.calendar import Calendar
from dayahead.models.arithmetic import stay_on_one_thread
from dayahead.models.forecaster import ForecastBatch, Forecaster
from dayahead.models.release import Release
from dayahead.models.window import WINDOW_HOURS, WindowBatch

HISTORY_H = 28 * 24
PEER = Path(__file__).with_name("mlforecast_refresh.py")
ROUNDS = 3


def main(
    series: Annotated[int, typer.Option(min=10, help="Series")] = 10_000,
    *,
    peer: Annotated[bool, typer.Option(help="Measure mlforecast too")] = True,
    release: Annotated[Path | None, typer.Option(help="Artifact of a release; else one is fitted")] = None,
) -> None:
    """Measure forecasts of many series on one core."""
    stay_on_one_thread()
    forecaster = Forecaster(Release.from_bytes(release.read_bytes()) if release else shipped_release())
    windows = _windows(series)
    plain, by_lightgbm = _measure(forecaster, windows)
    began = time.perf_counter()
    forecaster.compile()
    compile_s = time.perf_counter() - began
    compiled, by_machine_code = _measure(forecaster, windows)
    assert all(
        np.array_equal(one, other, equal_nan=True)
        for one, other in zip(vars(by_lightgbm).values(), vars(by_machine_code).values(), strict=True)
    )
    line = {
        "series": series,
        "us_per_series": round(compiled / series * 1e6, 1),
        "us_per_series_lightgbm": round(plain / series * 1e6, 1),
        "compile_s": round(compile_s, 2),
        "peak_rss_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }
    if peer:
        answer = subprocess.run([sys.executable, str(PEER), str(series), "1"], capture_output=True, check=True)
        for trees, one in orjson.loads(answer.stdout.splitlines()[-1]).items():
            line[f"mlforecast_{trees}_us_per_series"] = round(one["predict_cpu_s"] / series * 1e6, 1)
    line["load_before"] = round(os.getloadavg()[0], 1)
    print(
        f"{line['us_per_series']} us a series of processor time for 24 leads with bands and features, "
        f"{line['us_per_series_lightgbm']} us before the trees are compiled ({line['compile_s']} s)"
    )
    print(orjson.dumps(line).decode())


def _windows(series: int) -> WindowBatch:
    values = np.full((series, WINDOW_HOURS), np.nan)
    values[:, -HISTORY_H:] = Load(series).values(START, START + HISTORY_H)
    calendar = Calendar(SOURCE.local_time_zone, SOURCE.country, SOURCE.subdivision)
    return WindowBatch(values, np.full(series, START + HISTORY_H - 1), calendar)


def _measure(forecaster: Forecaster, windows: WindowBatch) -> tuple[float, ForecastBatch]:
    """The best of some rounds, in processor time of this thread: other programs then matter less."""
    made = forecaster.forecast(windows)  # calendars and plans are there ever after
    taken = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        made = forecaster.forecast(windows)
        taken.append(time.thread_time() - began)
    return min(taken), made


if __name__ == "__main__":
    typer.run(main)
