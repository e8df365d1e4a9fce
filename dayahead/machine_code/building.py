"""Building of machine code: in a process for itself, by one process at a time, kept where that is possible."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog

from dayahead.errors import MachineCodeError
from dayahead.machine_code import kept

BUILD_TIMEOUT_S = 300.0
"""Building takes some five seconds of an idle core."""

_log = structlog.get_logger(__name__)


def build_and_keep(files: Sequence[Path]) -> bytes:
    """Build the object code of this processor and keep it in the first of some files that can be written.

    Where none can be written, each process builds for itself.

    Raises:
        MachineCodeError: it could not be built.
    """
    for file in files:
        try:
            with _alone(file.with_name(f"{file.name}.lock")):
                # the process that had the lock may have built it
                code = kept.read(file)
                if code is None:
                    code = build()
                    kept.write(code, file)
        except OSError:
            continue
        return code
    _log.warning("machine_code_not_kept", reason="no folder can be written", seconds_lost_by_each_process=5)
    return build()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one process build while the others wait for it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def build(level: str | None = None, *, timeout_s: float = BUILD_TIMEOUT_S) -> bytes:
    """Build in another process: Numba and what it leaves in memory stay there.

    Args:
        level: name that LLVM gives the processors that it is for; by default this very processor.
        timeout_s: that a process which forecasts can wait, by default.

    Raises:
        MachineCodeError: it could not be built.
    """
    try:
        built = subprocess.run(
            [sys.executable, "-m", "dayahead.machine_code.build", *([level] if level else [])],
            capture_output=True,
            check=True,
            # settings of Numba in the environment are meant for others
            env={name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")},
            timeout=timeout_s,
        )
    except subprocess.CalledProcessError as error:
        raise MachineCodeError(
            f"the machine code could not be built; run {sys.executable} -m dayahead.machine_code.build >/dev/null "
            f"to see why: {error.stderr.decode(errors='replace')[-500:]}"
        ) from error
    except OSError as error:
        raise MachineCodeError(
            f"the machine code could not be built: {sys.executable} did not start: {error}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise MachineCodeError(
            f"the machine code was not built within {timeout_s:.0f} s: give the process more of a core"
        ) from error
    return built.stdout
