"""The machine code of this processor: loaded from where it is kept, or built and kept.

It is kept beside its source (in `__pycache__`, as Python keeps its bytecode) or, where that folder cannot be written,
in the user's cache. Where neither can, each process builds its own. The name of the file tells what it was built from:
the text of the rules, the versions of the compiler, the processor. Another processor builds another file.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import llvmlite.binding as llvm
import structlog

from dayahead.errors import MachineCodeError

SOURCES = (
    "features/fill.py",
    "features/means.py",
    "features/screen.py",
    "features/snapshot.py",
    "features/state.py",
    "features/stuck.py",
    "features/trees.py",
    "machine_code/build.py",
    "machine_code/entries.py",
    "models/serving/tree_walk.py",
)
"""Files whose text decides what the machine code does; the tests see to it that no rule is elsewhere."""

BUILD_TIMEOUT_S = 300.0
"""Building takes some five seconds of an idle core."""

DIGEST_BYTES = hashlib.sha256().digest_size

TRUSTED_USERS = frozenset({0, os.getuid()})
"""Whose files are loaded."""

_PACKAGE = Path(__file__).parent.parent
_log = structlog.get_logger(__name__)
_loading = threading.Lock()


def address_of(name: str) -> int:
    """Where a function of dayahead/machine_code/entries.py lies in this process.

    Raises:
        MachineCodeError: it could not be built.
    """
    with _loading:
        return int(_engine().get_function_address(name))


@lru_cache(maxsize=1)
def _engine() -> llvm.ExecutionEngine:
    """What keeps the loaded code alive: as long as the process."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(machine_code()))
    engine.finalize_object()
    return engine


def machine_code(folders: tuple[Path, ...] | None = None) -> bytes:
    """The object code of this processor, from the first of some folders that has it or can keep it.

    Args:
        folders: by default those named above.
    """
    name = f"machine_code.{_key()}.o"
    for folder in folders if folders is not None else _folders():
        try:
            kept = _read(folder / name)
            if kept is None:
                with _alone(folder / f"{name}.lock"):
                    # whoever had the lock may have built it
                    kept = _read(folder / name) or _keep(_build(), folder / name)
        except OSError:
            continue
        return kept
    _log.warning("machine_code_not_kept", reason="no folder can be written", seconds_lost_by_each_process=5)
    return _build()


def _folders() -> tuple[Path, ...]:
    beside = _PACKAGE / "machine_code" / "__pycache__"
    try:
        user = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    except RuntimeError:  # a user without a home: an arbitrary number in a container
        return (beside,)
    return beside, Path(user) / "dayahead"


def _key() -> str:
    digest = hashlib.sha256()
    for source in SOURCES:
        digest.update((_PACKAGE / source).read_bytes())
    features = llvm.get_host_cpu_features()
    for fact in (version("numba"), version("llvmlite"), llvm.get_host_cpu_name(), features.flatten()):
        digest.update(fact.encode())
    return digest.hexdigest()[:16]


def _read(file: Path) -> bytes | None:
    """What is kept: the code behind its digest. A file that is damaged, or of a user who is not ours, is as none."""
    if not file.exists() or file.stat().st_uid not in TRUSTED_USERS:
        return None
    content = file.read_bytes()
    digest, code = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return code if hashlib.sha256(code).digest() == digest else None


def _keep(code: bytes, file: Path) -> bytes:
    """Put it into its place at once, so that nobody reads a half."""
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as part:
        part.write(hashlib.sha256(code).digest() + code)
    Path(part.name).chmod(0o644)
    Path(part.name).replace(file)
    return code


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one process build while the others wait for it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _build() -> bytes:
    """Build in a process of its own: Numba and what it leaves in memory stay there."""
    try:
        built = subprocess.run(
            [sys.executable, "-m", "dayahead.machine_code.build"],
            capture_output=True,
            check=True,
            # what somebody sets for Numba elsewhere is not meant for us
            env={name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")},
            timeout=BUILD_TIMEOUT_S,
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
            f"the machine code was not built within {BUILD_TIMEOUT_S:.0f} s: give the process more of a core"
        ) from error
    return built.stdout
