"""A process that forecasts imports nothing that only a fit needs."""

import json
import subprocess
import sys

import pytest

ONLY_FITTING = ["dayahead.models.fitting", "dayahead.models.history", "lightgbm", "scipy", "numba"]


@pytest.mark.parametrize("module", ["dayahead.models.serving.forecaster", "stream.assembly", "stream.worker"])
def test_what_forecasts_is_imported_without_what_only_a_fit_needs(module: str) -> None:
    program = f"import json, sys, {module}; json.dump(sorted(sys.modules), sys.stdout)"
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    imported = json.loads(answer.stdout)
    assert module in imported
    assert set(ONLY_FITTING) & set(imported) == set()


def test_what_only_a_fit_needs_is_what_a_fit_imports() -> None:
    program = "import json, sys, dayahead.models.fitting.fit; json.dump(sorted(sys.modules), sys.stdout)"
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert set(ONLY_FITTING) - {"numba"} <= set(json.loads(answer.stdout))
