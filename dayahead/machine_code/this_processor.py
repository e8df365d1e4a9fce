"""Machine code for this very processor: loaded by LLVM from a kept file, without the compiler.

Where no file is kept, `dayahead.machine_code.building` is imported and builds one.
"""

import sys
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import llvmlite.binding as llvm

from dayahead.machine_code import kept
from dayahead.machine_code.key import PACKAGE, digest_of

COMPILERS = ("numba", "llvmlite", "numpy")


def file_name(package: Path = PACKAGE) -> str:
    """Name the file that keeps the machine code of these sources, compilers and this processor.

    Args:
        package: folder of the package `dayahead`.
    """
    processor = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    return f"machine_code.{digest_of(sys.version, *map(version, COMPILERS), *processor, package=package)}.o"


@lru_cache(maxsize=1)
def engine() -> llvm.ExecutionEngine:
    """What keeps the loaded code alive: as long as the process.

    Raises:
        MachineCodeError: it was not kept, and could not be built.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    made = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    made.add_object_file(llvm.ObjectFileRef.from_data(machine_code()))
    made.finalize_object()
    return made


def machine_code(folders: tuple[Path, ...] | None = None) -> bytes:
    """The object code of this processor, from the first of some folders that has it; else it is built.

    Args:
        folders: by default those of `kept.default_folders`.

    Raises:
        MachineCodeError: it was not kept, and could not be built.
    """
    name = file_name()
    folders = kept.default_folders() if folders is None else folders
    for folder in folders:
        try:
            code = kept.read(folder / name)
        except OSError:
            continue
        if code is not None:
            return code
    from dayahead.machine_code.building import build_and_keep  # noqa: PLC0415 - a process that finds code only loads

    return build_and_keep([folder / name for folder in folders])
