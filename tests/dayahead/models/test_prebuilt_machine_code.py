"""The libraries of an image compute what the machine code of this very processor computes, to the last bit."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from dayahead.errors import MachineCodeError
from dayahead.features.fill import fill
from dayahead.machine_code import loading, prebuilt
from dayahead.machine_code.function import MachineFunction
from dayahead.machine_code.key import digest_of
from dayahead.machine_code.prebuilding import prebuild
from dayahead.machine_code.prebuilt import LEVELS, Level, flags_of, library
from dayahead.models.history import History
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.release import Release

LEVELS_HERE = LEVELS[os.uname().machine]

pytestmark = [
    pytest.mark.timeout(900),  # a fit, and a build for each level
    pytest.mark.skipif(shutil.which("ld") is None, reason="needs a linker: apt-get install binutils"),
]


class Call(NamedTuple):
    """A call of machine code: what it was given, and what its arrays held afterwards."""

    function: MachineFunction
    before: list[Any]
    after: list[Any]


def copied(values: tuple[Any, ...]) -> list[Any]:
    return [value.copy() if isinstance(value, np.ndarray) else value for value in values]


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prebuilt")
    assert len(prebuild(folder)) == len(LEVELS_HERE)
    return folder


@pytest.fixture(scope="module")
def calls(weather_release: Release, history_with_weather: History) -> list[Call]:
    """What a forecast and the filling of holes ask of machine code."""
    made: list[Call] = []
    really = MachineFunction.__call__

    def recorded(self: MachineFunction, *values: Any) -> None:
        before = copied(values)
        really(self, *values)
        made.append(Call(self, before, copied(values)))

    windows = history_with_weather.batch(history_with_weather.end - 80)[1]
    holes = windows.values.copy()
    holes[:, 300:330] = np.nan
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MachineFunction, "__call__", recorded)
        Forecaster(weather_release).forecast(windows)
        fill(holes)
    return made


@pytest.mark.parametrize("level", LEVELS_HERE, ids=lambda level: level.name)
def test_each_level_computes_the_same_to_the_last_bit(libraries: Path, calls: list[Call], level: Level) -> None:
    if not level.flags <= flags_of():
        pytest.skip(f"this processor lacks {', '.join(sorted(level.flags - flags_of()))}")
    code = ctypes.CDLL(str(libraries / level.file_name(digest_of())))
    for call in calls:
        values = copied(tuple(call.before))
        kinds = [ctypes.c_int64 if kind is int else ctypes.c_void_p for kind in call.function.arguments]
        given = [value.ctypes.data if isinstance(value, np.ndarray) else value for value in values]
        address = ctypes.cast(getattr(code, call.function.name), ctypes.c_void_p).value
        assert address
        ctypes.CFUNCTYPE(None, *kinds)(address)(*given)
        for place, (value, expected) in enumerate(zip(values, call.after, strict=True)):
            if isinstance(value, np.ndarray):
                assert value.tobytes() == expected.tobytes(), (call.function.name, place)


def test_the_comparison_reaches_every_function_but_the_snapshot(calls: list[Call]) -> None:
    reached = {call.function.name for call in calls}
    assert reached | {"snapshot"} == {
        "add_trees",
        "describe_places",
        "describe_windows",
        "fill_windows",
        "last_week",
        "past_errors",
        "product",
        "respond",
        "snapshot",
        "tree_table",
        "weather_table",
    }


def test_a_processor_takes_the_highest_level_that_it_has(libraries: Path, tmp_path: Path) -> None:
    here = tmp_path / "cpuinfo"
    for level in LEVELS_HERE:
        here.write_text(f"processor\t: 0\nflags\t\t: fpu {' '.join(level.flags)}\n")
        assert library(libraries, here) == libraries / level.file_name(digest_of())
    assert library(libraries, tmp_path / "absent") == libraries / LEVELS_HERE[-1].file_name(digest_of())
    assert library(tmp_path / "no folder") is None


def test_a_library_of_other_sources_is_not_loaded(libraries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prebuilt, "digest_of", lambda: "0" * 16)
    assert library(libraries) is None


def test_an_installation_with_libraries_needs_no_compiler(libraries: Path) -> None:
    program = (
        "import pathlib, sys; sys.modules.update(llvmlite=None, numba=None);"
        "from dayahead.machine_code import prebuilt, loading;"
        "prebuilt.library.__defaults__ = pathlib.Path(sys.argv[1]), prebuilt.PROCESSOR;"
        "import numpy; from dayahead.features.fill import fill;"
        "assert fill(numpy.ones((1, 200))).values.sum() == 200"
    )
    subprocess.run([sys.executable, "-c", program, str(libraries)], check=True)


def test_an_installation_without_libraries_and_compiler_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_library", lambda: None)
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    monkeypatch.delitem(sys.modules, "dayahead.machine_code.this_processor", raising=False)
    with pytest.raises(MachineCodeError, match=r"pip install 'dayahead\[compiler\]'"):
        loading.address_of("add_trees")
