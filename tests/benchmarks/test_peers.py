"""The peers are used as their own users would use them."""

import json
from pathlib import Path

import pytest

from benchmarks.peers.registry import MODULES, WITH_WEATHER
from tests.benchmarks.conftest import Run

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
QUICK = {"mlforecast": 0.25, "mlforecast L2": 0.25, "statsforecast Theta": 0.25, "statsforecast AutoETS": 0.35}
"""Peers that end in seconds, and the error that they stay below; AutoETS knows of no week."""


def test_windows_are_answered_as_after_fit_and_predict(run_script: Run, peer_python: str) -> None:
    ended = run_script(HERE / "peer_as_its_user.py", python=peer_python)
    assert ended.returncode == 0, ended.stderr
    assert float(ended.stdout.splitlines()[-1]) < 1e-6


@pytest.mark.parametrize("method", QUICK)
def test_a_peer_forecasts_what_repeats(run_script: Run, peer_python: str, method: str) -> None:
    ended = run_script("benchmarks.accuracy_run", "de35", method, python=peer_python)
    assert ended.returncode == 0, ended.stderr
    measured = json.loads(ended.stdout.splitlines()[-1])
    assert measured["method"] == method
    assert measured["wape"] < QUICK[method]
    assert (measured["coverage"] is None) == (method == "mlforecast L2")


def test_a_search_that_times_out_reports_the_number_of_finished_trials(run_script: Run, peer_python: str) -> None:
    ended = run_script(HERE / "search_out_of_time.py", python=peer_python)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "AutoLightGBM (2 of 10 trials ended in time)"


def test_autoets_knows_the_hour_of_the_day_at_every_origin(run_script: Run, peer_python: str) -> None:
    ended = run_script(HERE / "ets_at_any_hour.py", python=peer_python)
    assert ended.returncode == 0, ended.stderr
    assert float(ended.stdout.splitlines()[-1]) < 0.05


def test_one_fit_serves_protocols_with_the_same_training_part(run_script: Run, peer_python: str) -> None:
    ended = run_script("benchmarks.peers.one", "mlforecast L2", "de35", "de35", python=peer_python)
    assert ended.returncode == 0, ended.stderr
    first, second = (json.loads(line) for line in ended.stdout.splitlines())
    assert first["wape"] == second["wape"]
    assert first["fit_s"] == second["fit_s"] > 0


def test_a_peer_over_its_bound_is_reported_with_the_reason(run_script: Run, peer_python: str) -> None:
    ended = run_script("benchmarks.peers.one", "statsforecast AutoETS", "de35", "--limit-s", "0", python=peer_python)
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout.splitlines()[-1])
    assert (result["protocol"], result["method"]) == ("de35", "statsforecast AutoETS")
    assert "over the bound" in result["skipped"]


def test_every_peer_names_an_existing_module() -> None:
    for module in {*MODULES.values(), *WITH_WEATHER.values()}:
        assert CHECKOUT.joinpath(*module.split(".")).with_suffix(".py").exists()
