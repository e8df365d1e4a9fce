"""`python -m dayahead.machine_code.prebuilding [FOLDER]`: build libraries, so that an image needs no compiler.

Needs numba, llvmlite and a linker (`ld`, of the package binutils).
"""

import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from dayahead.errors import MachineCodeError
from dayahead.machine_code.building import build
from dayahead.machine_code.key import digest_of
from dayahead.machine_code.prebuilt import FOLDER, LEVELS

TIMEOUT_S = 3_600.0
"""For each level: nothing waits for it but the build of an image, which may share its processor with others."""


def prebuild(folder: Path = FOLDER) -> list[Path]:
    """Write a library for each level of this kind of processor.

    Args:
        folder: made if absent.

    Raises:
        MachineCodeError: this kind has no levels, the code could not be built, or the linker failed or is missing.
    """
    if not (levels := LEVELS.get(platform.machine())):
        raise MachineCodeError(f"{platform.machine()} has no levels: add them to dayahead/machine_code/prebuilt.py")
    folder.mkdir(parents=True, exist_ok=True)
    digest = digest_of()
    made = []
    for level in levels:
        file = folder / level.file_name(digest)
        _link(build(level.name, timeout_s=TIMEOUT_S), file)
        made.append(file)
    return made


def _link(code: bytes, file: Path) -> None:
    with tempfile.NamedTemporaryFile(suffix=".o") as objects:
        objects.write(code)
        objects.flush()
        command = ["ld", "-shared", "-z", "noexecstack", "-o", str(file), objects.name]
        try:
            subprocess.run(command, capture_output=True, check=True)
        except FileNotFoundError as error:
            raise MachineCodeError("the linker `ld` is missing: apt-get install binutils") from error
        except subprocess.CalledProcessError as error:
            raise MachineCodeError(f"`{' '.join(command)}` failed: {error.stderr.decode(errors='replace')}") from error


if __name__ == "__main__":
    for file in prebuild(*map(Path, sys.argv[1:])):
        sys.stdout.write(f"{file}\n")
