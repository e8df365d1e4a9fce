"""The accuracy benchmark measures what it says, and says what it leaves out."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import accuracy_protocols
from benchmarks.accuracy_bands import StaticBands
from benchmarks.accuracy_methods import Measured, MethodForecast, NoForecastError, OverTimeError, SeasonalNaive, measure
from benchmarks.accuracy_protocols import Protocol
from dayahead.models.history import History
from dayahead.models.serving.window import WindowBatch
from tests.benchmarks.conftest import Run


@pytest.fixture(name="de35")
def _de35(little_data: Path, monkeypatch: pytest.MonkeyPatch) -> accuracy_protocols.Protocol:
    monkeypatch.setattr(accuracy_protocols, "DATA", little_data)
    return accuracy_protocols.de35()


class Recorder:
    """Forecasts a constant and remembers what it was shown."""

    name = "recorder"
    batch = 10

    def __init__(self, value: float = 1.0) -> None:
        self._value = value
        self.learnt_until = 0
        self.shown: list[tuple[NDArray[np.int64], WindowBatch]] = []

    def fit(self, training: History) -> None:
        self.learnt_until = training.end

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        self.shown.append((series, windows))
        return MethodForecast(np.full((len(series), 24), self._value))


def test_no_method_is_shown_an_hour_after_its_origin(de35: Protocol) -> None:
    recorder = Recorder()
    measure(de35, recorder)
    assert recorder.learnt_until <= de35.origin.min() + 1
    for series, windows in recorder.shown:
        newest = de35.history.values[series, windows.origin - de35.history.start]
        np.testing.assert_array_equal(windows.values[:, -1], newest)


def test_every_method_is_asked_for_the_same_forecasts(de35: Protocol) -> None:
    recorder = Recorder()
    measure(de35, recorder)
    asked = {pair for series, windows in recorder.shown for pair in zip(series, windows.origin, strict=True)}
    assert asked == set(zip(de35.series, de35.origin, strict=True))
    assert sum(len(series) for series, _ in recorder.shown) == len(de35.series)


def test_the_error_of_a_naive_forecast_is_that_of_the_data(de35: Protocol) -> None:
    values = de35.history.values
    columns = de35.origin[:, None] - de35.history.start + np.arange(1, 25)
    actual = values[de35.series[:, None], columns]
    error = np.abs(values[de35.series[:, None], columns - 168] - actual)
    measured = measure(de35, SeasonalNaive(168))
    assert measured.wape == pytest.approx(error.sum() / actual.sum(), rel=1e-5)
    shares = [error[de35.series == row].sum() / actual[de35.series == row].sum() for row in (0, 1)]
    assert measured.wape_series_mean == pytest.approx(np.mean(shares), rel=1e-5)


def test_a_method_without_a_band_has_no_coverage(de35: Protocol) -> None:
    measured = measure(de35, SeasonalNaive(24))
    assert measured.coverage is None
    assert measured.pinball is None


def test_static_bands_are_the_same_share_of_the_scale_at_every_hour(de35: Protocol) -> None:
    static = StaticBands()
    static.fit(de35.training)
    series = np.array([0, 1])
    origin = np.full(2, de35.training.end - 1)
    values = de35.history.windows(series, origin)
    made = static.forecast(series, WindowBatch(values, origin, de35.history.calendars[0]))
    scale = values[:, -168:].mean(axis=1, keepdims=True)
    assert made.p10 is not None
    assert made.p90 is not None
    np.testing.assert_allclose((made.p90 - made.p50)[0] / scale[0], (made.p90 - made.p50)[1] / scale[1], rtol=1e-3)
    assert (made.p10 < made.p50).all()
    covered = (made.p10 <= de35.history.targets(series, origin)) & (de35.history.targets(series, origin) <= made.p90)
    assert 0.4 < covered.mean() < 1.0


@pytest.fixture(scope="module")
def printed(run_script: Run) -> str:
    """What one run prints, of a protocol whose data is there and of one whose data is not."""
    ended = run_script("benchmarks.accuracy", "--protocol", "de35", "--protocol", "m4", "--no-peers", "--seeds", "2")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def figures(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


def test_seeds_are_methods_of_their_own_and_summed_up(printed: str) -> None:
    lines = {line["method"]: line for line in figures(printed)}
    assert lines["dayahead, seed 2"]["wape"] != lines["dayahead"]["wape"]
    assert "ours over 2 seeds: WAPE" in printed


def test_a_method_that_leaves_hours_out_has_no_result(de35: Protocol) -> None:
    with pytest.raises(NoForecastError, match="240 of its forecast hours are not numbers"):
        measure(de35, Recorder(float("nan")))


def test_a_method_that_would_take_too_long_ends_after_its_first_forecasts(de35: Protocol) -> None:
    recorder = Recorder()
    with pytest.raises(OverTimeError, match=r"98 forecasts would take .*--peer-minutes"):
        measure(de35, recorder, limit_s=0.0)
    assert len(recorder.shown) == 1


def test_absent_data_is_skipped_and_said_so_and_no_peers_leaves_them_out(printed: str) -> None:
    assert "m4: skipped" in printed
    lines = figures(printed)
    methods = [line["method"] for line in lines]
    naive = {"seasonal naive 24", "seasonal naive 168"}
    assert set(methods) == naive | {"dayahead", "dayahead, seed 2", "static bands"}
    assert all(line.keys() == Measured.__annotations__.keys() for line in lines)
    ours, static = (lines[methods.index(method)] for method in ("dayahead", "static bands"))
    assert static["wape"] == ours["wape"]
    assert static["pinball"] != ours["pinball"]
    assert "of static residual quantiles" in printed
    assert ours["protocol"] == "de35"
    assert ours["wape"] < min(line["wape"] for line in lines if line["method"] in naive)
    assert 0 < ours["coverage"] < 1
    assert ours["peak_mb"] > 50


def test_a_protocol_that_does_not_exist_is_refused_by_name(run_script: Run) -> None:
    ended = run_script("benchmarks.accuracy", "--protocol", "pjm")
    assert ended.returncode == 2
    assert "'pjm' is no protocol" in ended.stderr


def test_a_method_over_its_bound_says_so_in_its_own_process(run_script: Run) -> None:
    ended = run_script("benchmarks.accuracy_run", "de35", "seasonal naive 24", "0")
    assert ended.returncode == 3
    assert "over the bound" in ended.stdout


@pytest.mark.skipif(find_spec("mlforecast") is not None, reason="mlforecast is installed in this environment")
def test_a_peer_that_is_not_installed_is_skipped_with_the_reason(
    little_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.accuracy_run import SkippedError, run

    monkeypatch.setenv("DAYAHEAD_TEST_DATA", str(little_data))
    with pytest.raises(SkippedError, match="failed: ModuleNotFoundError: No module named"):
        run("de35", "mlforecast L2", 60.0)
