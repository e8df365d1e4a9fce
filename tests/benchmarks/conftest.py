"""A little consumption in the shape of a public file: the benchmark is tested without the public data."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

CHECKOUT = Path(__file__).parents[2]
PEER_PYTHON = CHECKOUT / ".venv-benchmarks/bin/python"
HOURS = 28 * 24

Run = Callable[..., subprocess.CompletedProcess[str]]


def consumption() -> np.ndarray:
    """Two series, [2, 672] kWh: a day and a week that repeat, and noise."""
    hours = np.arange(HOURS)
    shape = 10 + 3 * np.sin(2 * np.pi * hours / 24) + np.where(hours // 24 % 7 > 4, -4, 0)
    noise = np.random.default_rng(1).normal(1, 0.03, (2, HOURS))
    return np.round(shape * noise * np.array([[1_000], [50_000]]))


@pytest.fixture(scope="session")
def little_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with DE35 alone, of two series."""
    folder = tmp_path_factory.mktemp("public")
    hours = np.datetime64("2022-12-21T16", "s") + np.arange(HOURS) * np.timedelta64(3600, "s")
    columns = {
        "HourUTC": np.tile(hours, 2),
        "PriceArea": np.repeat(["DK1", "DK2"], HOURS),
        "ConsumerType_DE35": np.repeat("111", 2 * HOURS),
        "TotalCon": consumption().ravel().astype(np.int64),
    }
    pq.write_table(pa.table(columns), folder / "ConsumptionDE35Hour.parquet")
    return folder


@pytest.fixture(scope="session")
def run_script(little_data: Path) -> Run:
    """Run a module of the benchmarks, or a file, on the little data."""

    def run(what: str | Path, *arguments: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
        module = ["-m", what] if isinstance(what, str) else [str(what)]
        return subprocess.run(
            [python, *module, *arguments],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"DAYAHEAD_TEST_DATA": str(little_data), "PYTHONPATH": str(CHECKOUT)},
        )

    return run


@pytest.fixture(scope="session")
def peer_python() -> str:
    """The interpreter that has the peers; skips where `make benchmark` never ran."""
    if not PEER_PYTHON.exists():
        pytest.skip(f"the peers are not installed: {PEER_PYTHON} is made by `make benchmark`")
    return str(PEER_PYTHON)
