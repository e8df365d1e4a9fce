"""Machine code: built once for a processor, kept where that is possible, and loaded without the compiler."""

import json
import multiprocessing
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dayahead.errors import MachineCodeError
from dayahead.features.fill import FILL_WINDOWS
from dayahead.machine_code import building, kept, this_processor
from dayahead.machine_code.key import PACKAGE, sources
from dayahead.machine_code.this_processor import file_name, machine_code
from deploy.local.places import CHECKOUT


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Builds that happened, each of which makes other code."""
    done: list[int] = []

    def build() -> bytes:
        done.append(len(done))
        return b"code %d" % len(done)

    monkeypatch.setattr(building, "build", build)
    return done


def test_it_is_built_once_and_kept(tmp_path: Path, builds: list[int]) -> None:
    folders = (tmp_path / "not" / "yet" / "there",)
    assert machine_code(folders) == machine_code(folders) == b"code 1"
    assert len(builds) == 1


def test_where_a_folder_cannot_be_written_the_next_one_keeps_it(tmp_path: Path, builds: list[int]) -> None:
    (tmp_path / "no folder").touch()
    folders = (tmp_path / "no folder", tmp_path / "folder")
    assert machine_code(folders) == machine_code(folders)
    assert len(builds) == 1


def test_where_none_can_be_written_each_process_builds(tmp_path: Path, builds: list[int]) -> None:
    (tmp_path / "no folder").touch()
    assert machine_code((tmp_path / "no folder",)) == b"code 1"
    assert machine_code((tmp_path / "no folder",)) == b"code 2"


def test_a_user_without_a_home_uses_the_build_next_to_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", dict[int, object]().__getitem__)
    assert kept.default_folders() == (PACKAGE / "machine_code" / "__pycache__",)


def test_a_damaged_file_is_built_again(tmp_path: Path, builds: list[int]) -> None:
    machine_code((tmp_path,))
    (file,) = tmp_path.glob("*.o")
    file.write_bytes(file.read_bytes()[:-2])
    assert machine_code((tmp_path,)) == machine_code((tmp_path,)) == b"code 2"


@pytest.mark.parametrize("fact", ["get_host_cpu_name", "version"])
def test_another_processor_or_compiler_has_another_file(
    tmp_path: Path, builds: list[int], monkeypatch: pytest.MonkeyPatch, fact: str
) -> None:
    machine_code((tmp_path,))
    owner = this_processor if fact == "version" else vars(this_processor)["llvm"]
    monkeypatch.setattr(owner, fact, lambda *_: "another")
    machine_code((tmp_path,))
    assert len(builds) == 2
    assert len(list(tmp_path.glob("*.o"))) == 2


def test_what_another_user_left_there_is_not_run(
    tmp_path: Path, builds: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine_code((tmp_path,))
    (file,) = tmp_path.glob("*.o")
    owner = file.stat().st_uid
    monkeypatch.setattr(kept, "TRUSTED_USERS", frozenset({owner + 1}))
    assert machine_code((tmp_path,)) == b"code 2"


def _code_in(folder: Path) -> bytes:
    return machine_code((folder,))


def test_processes_that_need_it_at_once_get_the_same(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        one, other = pool.map(_code_in, [tmp_path, tmp_path])
    assert one == other == machine_code((tmp_path,))
    assert len(one) > 1_000


def test_a_process_that_forecasts_does_not_import_the_compiler() -> None:
    program = (
        "import sys, numpy; from dayahead.features.state import describe;"
        "describe(numpy.ones((1, 912)), screened=True); import dayahead.models.serving.forecaster;"
        "sys.exit('numba' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_build_needs_nothing_that_the_lock_of_the_compiler_has_not() -> None:
    """As in the image, whose compiler has an environment of its own."""
    lock = (CHECKOUT / "requirements" / "images" / "compiler.txt").read_text()
    locked = {"dayahead", *re.findall(r"^([\w-]+)==", lock, re.MULTILINE)}
    assert "numba" in locked
    program = (
        "import sys; from importlib.metadata import packages_distributions\n"
        "for package, names in packages_distributions().items():\n"
        "    known = {name.lower().replace('_', '-') for name in names}\n"
        "    if not known & set(sys.argv[1:]): sys.modules[package] = None\n"
        "from dayahead.machine_code.build import main; main()"
    )
    subprocess.run([sys.executable, "-c", program, *locked], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package whose files may be changed."""
    copied = tmp_path / "dayahead"
    shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__"))
    assert file_name(copied) == file_name()
    return copied


def test_a_constant_that_changes_in_another_module_means_another_file(copy: Path) -> None:
    horizon = copy / "horizon.py"
    text = horizon.read_text()
    assert "\nDAY_LEADS = 24\n" in text
    horizon.write_text(text.replace("\nDAY_LEADS = 24\n", "\nDAY_LEADS = 25\n"))
    assert file_name(copy) != file_name()


def test_a_module_that_the_build_does_not_read_may_change(copy: Path) -> None:
    with (copy / "storage" / "migrate.py").open("a") as file:
        file.write("\nMORE = 1\n")
    assert file_name(copy) == file_name()


def test_the_key_covers_every_module_that_the_build_imports_and_every_rule() -> None:
    program = (
        "import json, sys; from dayahead.machine_code.build import main; main();"
        "json.dump([m.__file__ for n, m in sys.modules.items() if n.partition('.')[0] == 'dayahead'], sys.stderr)"
    )
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    read = {Path(file) for file in json.loads(answer.stderr)}
    assert PACKAGE / "horizon.py" in read
    assert read <= set(sources())
    assert {file for file in PACKAGE.rglob("*.py") if "\n@compiled\n" in file.read_text()} <= set(sources())


def test_a_process_that_finds_the_code_does_not_import_what_builds_it() -> None:
    machine_code()
    program = (
        "import sys; from dayahead.machine_code.loading import address_of; address_of('add_trees');"
        "sys.exit('dayahead.machine_code.building' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_arrays_of_another_kind_are_refused() -> None:
    values = np.zeros((2, 30))
    others = (np.zeros((2, 30)), np.zeros((2, 30), np.bool_), np.zeros(2, np.int64))
    with pytest.raises(TypeError, match="argument 2 of fill_windows"):
        FILL_WINDOWS(2, 30, values.astype(np.float32), *others)
    with pytest.raises(TypeError, match="argument 2 of fill_windows"):
        FILL_WINDOWS(2, 30, values[:, ::-1], *others)
    with pytest.raises(TypeError, match="argument 2 of fill_windows"):
        FILL_WINDOWS(2, 30, 5, *others)


def test_a_build_that_fails_says_how_to_see_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/usr/bin/false")
    with pytest.raises(MachineCodeError, match=r"run /usr/bin/false -m dayahead.machine_code.build"):
        machine_code((tmp_path,))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    with pytest.raises(MachineCodeError, match="no python did not start"):
        machine_code((tmp_path,))
