"""An environment is made small, and nothing outside of it changes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deploy.docker import slim

pytestmark = pytest.mark.skipif(shutil.which("strip") is None, reason="strips libraries: apt-get install binutils")

NUMPY = Path(np.__file__).parent


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "environment" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    (folder / "one" / "tests").mkdir(parents=True)
    (folder / "one" / "tests" / "test_one.py").write_text("")
    (folder / "one" / "__init__.py").write_text("")
    (folder / "one" / "one.pyi").write_text("")
    return folder


def test_a_library_that_others_link_to_is_replaced_and_not_written_into(packages: Path, tmp_path: Path) -> None:
    (library,) = (NUMPY / "random").glob("_mt19937*.so")
    cached = tmp_path / "cached.so"
    shutil.copy(library, cached)
    before = cached.read_bytes()
    ours = packages / "one" / "ours.so"
    os.link(cached, ours)
    slim.main(tmp_path / "environment")
    assert cached.read_bytes() == before
    assert not ours.samefile(cached)
    assert ours.stat().st_mode == cached.stat().st_mode
    assert subprocess.run(["strip", "--strip-debug", "-o", "/dev/null", str(ours)], check=False).returncode == 0
    assert sorted(path.name for path in (packages / "one").iterdir()) == ["__init__.py", "ours.so"]
