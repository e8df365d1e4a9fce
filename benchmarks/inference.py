"""Microseconds a series that a forecast costs, from its raw window to P10, P50 and P90: `make benchmark B=inference`.

The shipped recipe on one core, for 24 hours ahead or as many as `--leads` says, with weather of as many places as
`--places` says, at an hour that the release has not forecast before, compared with mlforecast's `predict` in the same
run on the same load. Prints a sentence, then a JSON line.
"""

import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import orjson
import typer
from numpy.typing import NDArray

from benchmarks.made_up_load import SOURCE, START, Load, shipped_release
from benchmarks.made_up_weather import temperatures, with_weather
from dayahead.contracts import Rung
from dayahead.models.serving.blas import stay_on_one_thread
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.release import Release
from dayahead.models.serving.window import WINDOW_HOURS, WindowBatch, WindowWeather

PEER = "benchmarks.mlforecast_refresh"
ROUNDS = 5
MISSING = 0.01
"""Share of the hours that a harmed window lacks; one of its hours is also fifty times too large."""


def main(
    series: Annotated[int, typer.Option(min=10, help="Series")] = 10_000,
    leads: Annotated[int, typer.Option(min=24, max=408, help="Hours ahead")] = 24,
    *,
    places: Annotated[int, typer.Option(min=0, help="Places whose weather the series follow; 0: no weather")] = 0,
    peer: Annotated[bool, typer.Option(help="Measure mlforecast too")] = True,
    release: Annotated[Path | None, typer.Option(help="Artifact of a release; else one is fitted")] = None,
) -> None:
    """Measure forecasts of many series on one core."""
    stay_on_one_thread()
    artifact = release.read_bytes() if release else shipped_release(leads).to_bytes()
    values = Load(series).values(START, START + WINDOW_HOURS)
    if places:
        artifact = with_weather(Release.from_bytes(artifact)).to_bytes()
    weather = None
    if places:
        temperature = temperatures(places, WINDOW_HOURS + leads)
        weather = WindowWeather(temperature, np.arange(series) % places, np.zeros(places, np.bool_))
    began = time.process_time()
    forecaster = Forecaster(Release.from_bytes(artifact))
    forecaster.prepare()
    prepare_s = time.process_time() - began
    before_mb = _memory_mb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here
    whole_s = _measure(forecaster, values, leads, weather)
    room_mb = _memory_mb("VmHWM") - before_mb
    harmed_s = _measure(forecaster, _harmed(values), leads, weather)
    line = {
        "series": series,
        "leads": leads,
        "places": places,
        "total_s": round(whole_s, 2),
        "us_per_series": round(whole_s / series * 1e6, 1),
        "us_per_series_with_gaps_and_outliers": round(harmed_s / series * 1e6, 1),
        "prepare_s": round(prepare_s, 2),
        "state_bytes_per_series": values.itemsize * WINDOW_HOURS,
        "release_bytes": len(artifact),
        "forecast_room_mb": round(room_mb, 1),
        "peak_rss_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }
    if peer:
        answer = subprocess.run(
            [sys.executable, "-m", PEER, str(series), "1", str(leads)], capture_output=True, check=True
        )
        for trees, one in orjson.loads(answer.stdout.splitlines()[-1]).items():
            line[f"mlforecast_{trees}_us_per_series"] = round(one["predict_cpu_s"] / series * 1e6, 1)
    line["load_before"] = round(os.getloadavg()[0], 1)
    print(
        f"{line['us_per_series']} us a series of processor time for {leads} leads with bands and features "
        f"({line['us_per_series_with_gaps_and_outliers']} us where every window has gaps and an outlier), "
        f"{line['state_bytes_per_series']} bytes of state a series"
    )
    print(orjson.dumps(line).decode())


def _harmed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    rng = np.random.default_rng(1)
    harmed = np.where(rng.random(values.shape) < MISSING, np.nan, values)
    harmed[np.arange(len(values)), rng.integers(WINDOW_HOURS // 2, WINDOW_HOURS, len(values))] *= 50
    return harmed


def _measure(forecaster: Forecaster, values: NDArray[np.float64], leads: int, weather: WindowWeather | None) -> float:
    """The best of some rounds, in processor time of this thread: other programs then matter less.

    Each round is another hour, so that what is done once an hour counts; the first one, in which calendars are made, is
    thrown away.
    """
    taken = []
    for number in range(ROUNDS + 1):
        origin = np.full(len(values), START + WINDOW_HOURS + number, np.int64)
        windows = WindowBatch(values, origin, SOURCE.calendar, leads, weather)
        began = time.thread_time()
        made = forecaster.forecast(windows)
        taken.append(time.thread_time() - began)
        assert (made.rung <= Rung.DEGRADED_INPUT).all(), "the release did not forecast"
    return min(taken[1:])


def _memory_mb(field: str) -> float:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) / 1e3


if __name__ == "__main__":
    typer.run(main)
