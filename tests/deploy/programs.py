"""Programs that some machines lack: a test that needs one is skipped, or fails where REQUIRE_PROGRAMS is set."""

import os
import shutil
import sys
from pathlib import Path

import pytest


def program(name: str, get: str) -> str:
    """Return the path of a program, also of one in the environment of the tests; skip the test without it.

    Args:
        name: of the program.
        get: how to get it.
    """
    if found := shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"):
        return found
    missing(f"no {name} here: {get}")
    raise AssertionError("unreachable")


def missing(reason: str) -> None:
    """Skip the test with a reason, or fail where CI requires every program."""
    if os.environ.get("REQUIRE_PROGRAMS"):
        pytest.fail(reason)
    pytest.skip(reason)
