"""The peers are used as their own users would use them."""

import json
from pathlib import Path

import accuracy_protocols
import pytest
from peers.registry import MODULES

HERE = Path(__file__).parent
RUN = Path(accuracy_protocols.__file__).with_name("accuracy_run.py")
QUICK = ("mlforecast L1 scaled", "mlforecast L2", "statsforecast Theta")


def test_windows_are_answered_as_after_fit_and_predict(run_script, peer_python):
    ended = run_script(HERE / "peer_as_its_user.py", python=peer_python)
    assert ended.returncode == 0, ended.stderr
    assert float(ended.stdout.splitlines()[-1]) < 1e-6


@pytest.mark.parametrize("method", QUICK)
def test_a_peer_forecasts_what_repeats(run_script, peer_python, method):
    ended = run_script(RUN, "de35", method, "240", python=peer_python)
    assert ended.returncode == 0, ended.stderr
    measured = json.loads(ended.stdout.splitlines()[-1])
    assert measured["method"] == method
    assert measured["wape"] < 0.25
    assert (measured["coverage"] is None) == method.startswith("mlforecast")


def test_a_search_that_is_out_of_time_tells_how_many_trials_ended(run_script, peer_python):
    ended = run_script(RUN, "de35", "AutoLightGBM", "8", python=peer_python)
    assert ended.returncode == 0, ended.stderr
    assert "ended in time" in json.loads(ended.stdout.splitlines()[-1])["method"]


def test_every_peer_names_a_module_that_stands_beside_the_benchmark():
    for module in set(MODULES.values()):
        assert RUN.parent.joinpath(*module.split(".")).with_suffix(".py").exists()
